# SPDX-License-Identifier: Apache-2.0
"""Networks that nobody designed: operators drawn one by one, each with options, shapes and operands drawn too."""
import math

import numpy as np
import onnxruntime

from graph import Graph

MOST_ELEMENTS = 20_000
LARGEST = 1e3  # of a value's elements: fixed point keeps no more beside small ones
ATTEMPTS = 60  # at operators, most of which fit no value

onnxruntime.set_default_logger_severity(4)


class RandomNetwork:
    """Grows to a few operators, of which ONNX Runtime evaluates each one before it is kept.

    `model`, the names of its `outputs`, and `samples(n)`: inputs [n, ...] of one distribution. Alike for the same seed.
    """

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        axes = self.pick([0, 1, 2, 2, 2, 3])
        extents = [self.between(3, 6 if axes == 3 else 12) for _ in range(axes)]
        shape = (1, self.between(1, 8), *extents) if axes else (1, self.between(2, 40))
        self.graph = Graph(list(shape), self.pick([13, 15, 17, 18, 20, 21]), seed)
        self.distribution = self.pick(["normal", "uniform", "pixels"])
        self.probe = self.samples(1)
        self.values = [("x", shape)]
        self.grow()
        used = {name for node in self.graph.nodes for name in node.input}
        unused = [name for name, _ in self.values[1:] if name not in used]
        self.outputs = unused[-self.pick([1, 1, 2]):]
        self.model = self.graph.model(*self.outputs)

    def between(self, low, high):
        return int(self.random.integers(low, high + 1))

    def pick(self, choices):
        return choices[self.between(0, len(choices) - 1)]

    def chance(self, probability):
        return self.random.random() < probability

    def samples(self, count):
        shape = (count, *self.graph.shape[1:])
        if self.distribution == "pixels":
            return (self.random.integers(0, 256, shape) / 128 - 1).astype(np.float32)
        return getattr(self.random, {"normal": "standard_normal", "uniform": "random"}[self.distribution])(shape).astype(np.float32)

    def normal(self, *shape, scale=1.0):
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def grow(self):
        wanted = self.between(1, 12)
        for _ in range(ATTEMPTS):
            if len(self.graph.nodes) >= wanted:
                break
            nodes, constants = len(self.graph.nodes), len(self.graph.initialisers)
            value, shape = self.values[-1] if self.chance(0.75) else self.pick(self.values)
            added = self.pick(OPERATORS)(self, value, shape) or []
            added = added if isinstance(added, list) else [added]
            results = self.evaluate(added)
            if results is None:
                del self.graph.nodes[nodes:], self.graph.initialisers[constants:]
            else:
                self.values += [(name, result.shape) for name, result in zip(added, results)]

    def evaluate(self, names):
        """What ONNX Runtime makes of the probe; None where it refuses, or a value is none to compute with."""
        if not names:
            return None
        try:
            session = onnxruntime.InferenceSession(self.graph.model(*names).SerializeToString(),
                                                   providers=["CPUExecutionProvider"])
            results = session.run(None, {"x": self.probe})
        except Exception:  # its exceptions have no common type of their own
            return None
        fit = all(result.dtype == np.float32 and result.ndim and 0 < result.size <= MOST_ELEMENTS and
                  np.abs(result).max() < LARGEST for result in results)
        return results if fit else None


# Each takes a value's name and shape, and returns the name of what it adds, a list of them, or nothing.

def convolution(net, x, shape):
    axes = len(shape) - 2
    if axes < 1:
        return None
    groups = net.pick([g for g in (1, 1, 1, shape[1], 2) if shape[1] % g == 0])
    outputs = groups * net.between(1, max(1, 12 // groups))
    kernel = [net.between(1, min(5, extent + 2)) for extent in shape[2:]]
    options = {"kernel_shape": kernel, "group": groups}
    if net.chance(0.4):
        options["strides"] = [net.between(1, 3) for _ in kernel]
    if net.chance(0.3):
        options["dilations"] = [net.between(1, 3) for _ in kernel]
    if net.chance(0.2):
        options["auto_pad"] = net.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
    elif net.chance(0.8):
        options["pads"] = [net.between(0, 3) for _ in range(2 * axes)]
    fan = shape[1] // groups * math.prod(kernel)
    weights = net.normal(outputs, shape[1] // groups, *kernel, scale=net.pick([1, 1, 1, 0.1, 3]) / math.sqrt(fan))
    if net.chance(0.1):
        weights[net.between(0, outputs - 1)] = 0
    return net.graph.op("Conv", x, weights, *([net.normal(outputs)] if net.chance(0.7) else []), **options)


def transposed_convolution(net, x, shape):
    axes = len(shape) - 2
    if axes < 1:
        return None
    groups, outputs = net.pick([1, 1, shape[1]]), net.between(1, 4)
    kernel = [net.between(1, 4) for _ in range(axes)]
    strides = [net.between(1, 3) for _ in kernel]
    options = {"kernel_shape": kernel, "group": groups, "strides": strides}
    if net.chance(0.5):
        options["pads"] = [net.between(0, 1) for _ in range(2 * axes)]
    if net.chance(0.3):
        options["output_padding"] = [net.between(0, stride - 1) for stride in strides]
    if net.chance(0.2):
        options["dilations"] = [net.between(1, 2) for _ in kernel]
    fan = shape[1] // groups * math.prod(kernel) / math.prod(strides)
    weights = net.normal(shape[1], outputs, *kernel, scale=1 / math.sqrt(max(fan, 1)))
    return net.graph.op("ConvTranspose", x, weights, *([net.normal(outputs * groups)] if net.chance(0.5) else []),
                        **options)


def dense(net, x, shape):
    outputs = net.between(1, 12)
    if len(shape) == 2 and net.chance(0.6):
        weights, transposed = net.normal(outputs, shape[1], scale=1 / math.sqrt(shape[1])), net.between(0, 1)
        bias = [net.normal(*net.pick([(outputs,), (1, outputs), (1,)]))] if net.chance(0.7) else []
        return net.graph.op("Gemm", x, weights if transposed else weights.T.copy(), *bias, transB=transposed,
                            alpha=net.pick([1.0, 0.5]), beta=net.pick([1.0, 2.0]))
    if len(shape) < 2:
        return None
    return net.graph.op("MatMul", x, net.normal(shape[-1], outputs, scale=1 / math.sqrt(shape[-1])))


def batch_norm(net, x, shape):
    if len(shape) < 2:
        return None
    channels = shape[1]
    variance = (net.random.random(channels) + 0.2).astype(np.float32)
    return net.graph.op("BatchNormalization", x, net.normal(channels), net.normal(channels),
                        net.normal(channels, scale=0.3), variance)


def activation(net, x, shape):
    op = net.graph.op
    half = np.float32(0.5)
    return net.pick([
        lambda: op("Relu", x), lambda: op("Relu", x), lambda: op("Relu", x),
        lambda: op("Relu", x), lambda: op("Relu", x), lambda: op("Relu", x),
        lambda: op("LeakyRelu", x, alpha=net.pick([0.01, 0.1, 0.3, 1.5, -0.2])),
        lambda: op("PRelu", x, np.abs(net.normal(shape[1], *[1] * (len(shape) - 2))) * half if len(shape) > 1 else half),
        lambda: op("Clip", x, np.float32(-net.random.random()), np.float32(net.random.random())),
        lambda: op("Clip", x, np.float32(0), np.float32(6)),
        lambda: op("Clip", x, "", half),
        lambda: op("HardSwish", x), lambda: op("HardSigmoid", x, alpha=net.pick([0.2, 1 / 6])),
        lambda: op("Sigmoid", x), lambda: op("Tanh", x), lambda: op("Softplus", x), lambda: op("Softsign", x),
        lambda: op("Elu", x, alpha=net.pick([1.0, 0.5, 2.0])), lambda: op("Celu", x, alpha=net.pick([1.0, 0.5, 2.0])),
        lambda: op("Selu", x), lambda: op("ThresholdedRelu", x, alpha=0.3), lambda: op("Gelu", x),
        lambda: op("Mul", x, op("Sigmoid", x)), lambda: op("Mul", x, op("Tanh", op("Softplus", x))),
        lambda: op("Mul", op("Mul", x, op("Add", op("Erf", op("Div", x, np.float32(math.sqrt(2)))), np.float32(1))), half),
        lambda: op("Mul", x, x), lambda: op("Pow", x, np.float32(net.pick([2, 3]))),
        lambda: op("Add", op("Mul", op("Mul", x, x), half), op("Mul", x, half)),
        lambda: op("Abs", x), lambda: op("Neg", x), lambda: op("Erf", x), lambda: op("Exp", x),
        lambda: op("Sqrt", op("Add", op("Abs", x), half)),
    ])()


def pooling(net, x, shape):
    axes = len(shape) - 2
    if axes < 1:
        return None
    kind = net.pick(["MaxPool", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"])
    if kind.startswith("Global"):
        return net.graph.op(kind, x)
    options = {"kernel_shape": [net.between(1, min(4, extent)) for extent in shape[2:]],
               "strides": [net.between(1, 3) for _ in range(axes)]}
    if net.chance(0.4):
        options["pads"] = [net.between(0, kernel // 2) for kernel in options["kernel_shape"]] * 2
    elif net.chance(0.2):
        options["auto_pad"] = net.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
    if net.chance(0.3):
        options["ceil_mode"] = 1
    if kind == "AveragePool" and net.chance(0.4):
        options["count_include_pad"] = 1
    # ONNX Runtime pads dilated windows as if they were not.
    if kind == "MaxPool" and "auto_pad" not in options and net.chance(0.15):
        options["dilations"] = [net.between(1, 2) for _ in range(axes)]
    return net.graph.op(kind, x, **options)


def binary(net, x, shape):
    kind = net.pick(["Add", "Add", "Add", "Sub", "Mul", "Max", "Min", "Div", "Sum", "Mean"])
    alike = [name for name, other in net.values if other == shape]
    if kind != "Div" and net.chance(0.6):
        return net.graph.op(kind, *net.pick([(x, net.pick(alike)), (net.pick(alike), x)]))
    if net.chance(0.2):
        return net.graph.op("Mul" if kind == "Div" else kind, x, net.pick(net.values)[0])
    constant = net.normal(*[net.pick([extent, 1]) for extent in shape][net.between(0, len(shape) - 1):])
    if kind == "Div":
        return net.graph.op(kind, x, constant + np.copysign(np.float32(0.5), constant))
    return net.graph.op(kind, *net.pick([(x, constant), (x, constant), (constant, x)]))


def normalisation(net, x, shape):
    op = net.graph.op
    if len(shape) < 3:
        return op("Softmax", x, axis=-1)
    channels = shape[1]

    def excitation():
        squeezed = op("Conv", op("GlobalAveragePool", x), net.graph.weights(channels, channels, *[1] * (len(shape) - 2)))
        return op("Mul", x, op("HardSigmoid", squeezed))

    return net.pick([
        excitation,
        lambda: op("Mul", x, op("Softmax", x, axis=net.pick([1, -1]))),
        lambda: op("InstanceNormalization", x, net.normal(channels), net.normal(channels)),
        lambda: op("LayerNormalization", x, net.normal(shape[-1]), net.normal(shape[-1])),
        lambda: op("LRN", x, size=3),
    ])()


def attention(net, x, shape):
    """Scores of two linear functions of the value, and the mean that they give of a third."""
    if len(shape) != 3:
        return None
    op = net.graph.op
    query, key, value = (op("MatMul", x, net.normal(shape[2], 4, scale=1 / math.sqrt(shape[2]))) for _ in range(3))
    scores = op("Softmax", op("Mul", op("MatMul", query, op("Transpose", key, perm=[0, 2, 1])), np.float32(0.5)), axis=-1)
    return op("MatMul", scores, value)


def reduction(net, x, shape):
    axes = [axis for axis in range(1, len(shape)) if net.chance(0.6)]
    if not axes:
        return None
    kind = net.pick(["ReduceMean", "ReduceSum", "ReduceMax"])
    as_input = kind == "ReduceSum" or net.graph.opset >= 18
    return net.graph.op(kind, x, *([np.array(axes)] if as_input else []), **({} if as_input else {"axes": axes}),
                        keepdims=net.between(0, 1))


def arrangement(net, x, shape):
    op, rank, last = net.graph.op, len(shape), len(shape) - 1

    def concat():
        axis = net.between(min(1, last), last)
        fits = [name for name, other in net.values if len(other) == rank and
                all(a == b or i == axis for i, (a, b) in enumerate(zip(shape, other)))]
        return op("Concat", x, *[net.pick(fits) for _ in range(net.between(1, 2))], axis=net.pick([axis, axis - rank]))

    def split():
        axis = net.pick([i for i in range(rank) if shape[i] > 1] or [0])
        first = net.between(1, max(1, shape[axis] - 1))
        return op("Split", x, np.array([first, shape[axis] - first]), outputs=2, axis=axis)

    def cut():
        axis = net.between(0, last)
        step = net.pick([1, 1, 2, -1])
        ends = (-1, -2**31) if step < 0 else (net.between(0, shape[axis] - 1), net.pick([shape[axis], 2**31 - 1]))
        return op("Slice", x, *(np.array([number]) for number in (*ends, axis, step)))

    def pad():
        widths = np.zeros((2, rank), np.int64)
        widths[:, max(0, rank - 2):] = net.random.integers(0, 3, (2, min(2, rank)))
        mode = net.pick(["constant", "constant", "reflect", "edge"])
        return op("Pad", x, widths.reshape(-1), *([np.float32(0.3)] if mode == "constant" else []), mode=mode)

    def transpose():
        return op("Transpose", x, perm=[0, *(1 + net.random.permutation(last)).tolist()])

    def reshape():
        count = math.prod(shape[1:])
        divisor = net.pick([d for d in range(1, count + 1) if count % d == 0])
        return op("Reshape", x, np.array(net.pick([[1, divisor, -1], [0, -1], [1, divisor, count // divisor, 1]])))

    def gather():
        axis = net.between(min(1, last), last)
        return op("Gather", x, net.random.integers(-shape[axis], shape[axis], net.between(1, 4)), axis=axis)

    def resize():
        scales = np.array([1] * min(2, rank) + [net.pick([1, 2, 0.5, 1.5]) for _ in shape[2:]], np.float32)
        mode = net.pick(["nearest", "nearest", "linear"])
        turned = net.pick(["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"])
        if np.any(shape * scales % 1):  # where ONNX Runtime aligns other corners than ONNX's reference does
            turned = "asymmetric"
        options = {"nearest_mode": net.pick(["floor", "round_prefer_floor", "ceil"])} if mode == "nearest" else {}
        return op("Resize", x, "", scales, mode=mode, coordinate_transformation_mode=turned, **options)

    return net.pick([
        concat, split, cut, pad, transpose, reshape, gather, resize,
        lambda: op("Flatten", x, axis=net.pick([0, 1, 1, 1])),
        lambda: op("Squeeze", x, np.array([net.between(min(1, last), last)])),
        lambda: op("Unsqueeze", x, np.array([net.between(1, rank)])),
        lambda: op("Expand", x, np.array([extent if extent > 1 else net.between(1, 3) for extent in shape])),
        lambda: op("DepthToSpace", x, blocksize=2, mode=net.pick(["DCR", "CRD"])),
        lambda: op("SpaceToDepth", x, blocksize=2),
        lambda: op("Tile", x, np.array([1] + [net.between(1, 2) for _ in shape[1:]])),
        lambda: op("Identity", x), lambda: op("Dropout", x),
    ])()


OPERATORS = ([convolution] * 4 + [activation] * 5 + [pooling] * 3 + [binary] * 3 + [arrangement] * 3 + [batch_norm] * 2 +
             [transposed_convolution, dense, dense, normalisation, normalisation, attention, reduction])
