# SPDX-License-Identifier: Apache-2.0
"""ONNX graphs written node by node."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """A graph of one input, `x`. `op` returns the name of its output; arrays become initialisers."""

    def __init__(self, shape, opset=18, seed=1):
        self.random = np.random.default_rng(seed)
        self.shape, self.opset = shape, opset
        self.nodes, self.initialisers = [], []

    def constant(self, array):
        name = f"c{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape):
        fan = max(1, int(np.prod(shape[1:])))
        return self.constant((self.random.standard_normal(shape) / np.sqrt(fan)).astype(np.float32))

    def op(self, kind, *operands, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        inputs = [operand if isinstance(operand, str) else self.constant(operand) for operand in operands]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, inputs, outputs, kernel=3, **attributes):
        return self.op("Conv", x, self.weights(outputs, inputs, kernel, kernel), self.weights(outputs),
                       pads=[kernel // 2] * 4, **attributes)

    def model(self, *outputs):
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
                                  [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
                                  self.initialisers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9)
