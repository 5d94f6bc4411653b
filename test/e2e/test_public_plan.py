# SPDX-License-Identifier: Apache-2.0
"""The plan is public, weights are not: models that differ in trained numbers only have the same plan.bin, byte for byte. Each
parameter that is a scalar, or whose sign decides something, has a variant; ranges are those of the same calibration data, which the
variants change too little to matter."""
import pathlib
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deployment import must

CHANNELS = 4
WEIGHT = np.random.default_rng(1).normal(0, 0.5, (CHANNELS, CHANNELS, 1, 1))


def save(path, nodes, constants):
    constants = {"w": WEIGHT, **constants}
    tensor = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, CHANNELS, 2, 2])
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["z"], "conv")] + nodes, "net", [tensor("x")], [tensor("y")],
                              [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def slope(s):  # PReLU with one slope for all channels
    return [helper.make_node("PRelu", ["z", "s"], ["p"], "prelu"), helper.make_node("Conv", ["p", "w"], ["y"], "conv2")], {"s": [s]}


def gain(g):  # a residual branch times a trained scalar
    return [helper.make_node("Relu", ["z"], ["r"], "relu"), helper.make_node("Mul", ["r", "g"], ["m"], "gain"),
            helper.make_node("Add", ["m", "x"], ["y"], "skip")], {"g": g}


def gate(b):  # a trained factor before a function
    return [helper.make_node("Add", ["z", "x"], ["a"], "skip"), helper.make_node("Mul", ["a", "b"], ["m"], "scale"),
            helper.make_node("HardSigmoid", ["m"], ["h"], "gate"), helper.make_node("Conv", ["h", "w"], ["y"], "conv2")], {"b": b}


def swish(b):  # x sigmoid(b x)
    return [helper.make_node("Mul", ["z", "b"], ["m"], "scale"), helper.make_node("Sigmoid", ["m"], ["s"], "sigmoid"),
            helper.make_node("Mul", ["z", "s"], ["y"], "swish")], {"b": b}


def quadratic(signs):  # trained quadratics with a skip connection; here what changes is which channels are negated
    a = np.reshape(np.multiply(signs, [0.31, 0.22, 0.27, 0.41]), (CHANNELS, 1, 1))
    return [helper.make_node("Mul", ["z", "z"], ["q"], "square"), helper.make_node("Mul", ["q", "a"], ["aq"], "factor"),
            helper.make_node("Add", ["aq", "x"], ["y"], "skip")], {"a": a}


CASES = {"one PReLU slope": (slope, 0.23713, 0.23718), "a residual gain": (gain, 0.08131, 0.08137), "its sign": (gain, 0.08131, -0.08131),
         "a factor before a function": (gate, 0.73131, 0.73139), "the factor of a swish": (swish, 1.23131, 1.23139),
         "signs of quadratics": (quadratic, [1, -1, 1, 1], [-1, 1, 1, 1])}


class PublicPlan(unittest.TestCase):
    def compiled(self, name, nodes, constants):
        save(self.folder / "net.onnx", nodes, constants)
        # Formats are fixed, since how many bits are precise enough may depend on anything.
        must("gfscc", self.folder / "net.onnx", "--calib", self.folder / "calib.npy", "-o", self.folder / f"{name}.bin", "--ring=32",
             "--window-bits=8", "--activation-bits=12", "--tolerance=1", "-q")
        return (self.folder / f"{name}.bin").read_bytes()

    def test_trained_numbers_do_not_show(self):
        with tempfile.TemporaryDirectory() as temporary:
            self.folder = pathlib.Path(temporary)
            calibration = np.random.default_rng(2).uniform(-1, 1, (64, CHANNELS, 2, 2)).astype(np.float32)
            calibration[0, 0, 0, 0] = 1.2345678
            np.save(self.folder / "calib.npy", calibration)
            for i, (what, (make, first, second)) in enumerate(CASES.items()):
                with self.subTest(what):
                    one, other = (self.compiled(f"{i}-{j}", *make(value)) for j, value in enumerate((first, second)))
                    self.assertEqual(one, other)
                    self.assertNotIn(np.float64(calibration.max()).tobytes(), one)


if __name__ == "__main__":
    unittest.main()
