# SPDX-License-Identifier: Apache-2.0
"""Each function of one variable in a model of its own, compiled and run privately, against numpy.

Needs numpy and onnx; skips, and says so, without them."""
import math
import pathlib
import sys
import tempfile
import unittest

from deployment import must

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper
except ImportError as missing:
    print(f"SKIPPED: {missing}; tools/install.sh --tests installs it")
    sys.exit(77)

SHAPE, SAMPLES = (1, 8, 64), 8
TOLERANCE = 0.008  # of the spread: gfscc allows 0.005 on some samples

erf = np.vectorize(math.erf)


def softplus(x):
    return np.log1p(np.exp(-abs(x))) + np.maximum(x, 0)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x))


# Which side of a jump a value this close to it falls on, rounding decides: no error of the function.
NEAR_JUMP = 0.02
JUMPS = {"ThresholdedRelu": 1.0}

# Operator, attributes, constants behind the operand, and what it computes.
EVERYWHERE = [
    ("Sigmoid", {}, [], lambda x: 1 / (1 + np.exp(-x))),
    ("Tanh", {}, [], np.tanh),
    ("Erf", {}, [], erf),
    ("Gelu", {}, [], lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    ("Gelu", {"approximate": "tanh"}, [],
     lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2),
    ("Elu", {"alpha": 0.5}, [], lambda x: elu(x, 0.5)),
    ("Selu", {}, [], lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772)),
    ("Celu", {"alpha": 2.0}, [], lambda x: np.where(x > 0, x, 2 * np.expm1(x / 2))),
    ("Softplus", {}, [], softplus),
    ("Softsign", {}, [], lambda x: x / (1 + abs(x))),
    ("Mish", {}, [], lambda x: x * np.tanh(softplus(x))),
    ("HardSigmoid", {}, [], lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    ("HardSigmoid", {"alpha": -0.5}, [], lambda x: np.clip(0.5 - 0.5 * x, 0, 1)),
    ("HardSwish", {}, [], lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    ("ThresholdedRelu", {}, [], lambda x: np.where(x > 1, x, 0)),
    ("Clip", {}, [0.0, 6.0], lambda x: np.clip(x, 0, 6)),
    ("Clip", {}, [-1.0, 1.0], lambda x: np.clip(x, -1, 1)),
    ("LeakyRelu", {"alpha": 0.1}, [], lambda x: np.where(x > 0, x, 0.1 * x)),
    ("PRelu", {}, [0.25], lambda x: np.where(x > 0, x, 0.25 * x)),
    ("Exp", {}, [], np.exp),
]
POSITIVE = [
    ("Log", {}, [], np.log),
    ("Sqrt", {}, [], np.sqrt),
    ("Reciprocal", {}, [], lambda x: 1 / x),
    ("Pow", {}, [1.5], lambda x: x**1.5),
]


def model(operator, attributes, constants):
    names = [f"c{i}" for i in range(len(constants))]
    tensors = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in zip(names, constants)]
    port = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)
    graph = helper.make_graph([helper.make_node(operator, ["x", *names], ["y"], **attributes)], operator,
                              [port("x")], [port("y")], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


class Functions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gfs-functions-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def error(self, case, inputs, *flags):
        """Root mean square error of the private outputs over the spread of the function's."""
        operator, attributes, constants, function = case
        onnx.save(model(operator, attributes, constants), self.folder / "m.onnx")
        np.save(self.folder / "x.npy", inputs)
        must("gfscc", self.folder / "m.onnx", "-o", self.folder / "m.bin", "--calib", self.folder / "x.npy",
              "--force", "-q", *flags)
        must("gfsrun", self.folder / "m.bin", "--local", "--batch", "-q", "--input", self.folder / "x.npy",
              "--output", self.folder / "y.npy")
        outputs = np.load(self.folder / "y.npy").reshape(inputs.shape)
        expected = function(inputs.astype(np.float64))
        counted = abs(inputs - JUMPS[operator]) > NEAR_JUMP if operator in JUMPS else slice(None)
        return np.sqrt(np.mean((outputs - expected)[counted] ** 2)) / expected.std()

    def check(self, case, inputs, *flags):
        with self.subTest(operator=case[0], attributes=case[1], flags=flags):
            self.assertLess(self.error(case, inputs, *flags), TOLERANCE)

    # Fixed spreads of inputs; what they are does not matter.
    wide = (6 * np.sin(np.arange(SAMPLES * 512) * 0.7548776662)).astype(np.float32).reshape(SAMPLES, *SHAPE[1:])
    positive = np.exp(wide / 5).astype(np.float32)

    def test_everywhere(self):
        for case in EVERYWHERE:
            self.check(case, self.wide / 3 if case[0] == "Exp" else self.wide)

    def test_positive(self):
        for case in POSITIVE:
            self.check(case, self.positive)

    def test_protocols(self):
        for protocol in ("table", "one_hot", "dcf"):
            self.check(EVERYWHERE[0], self.wide, "--relu-protocol", protocol, "--window-bits", "8")

    def test_a_tighter_bound_fits_better(self):
        rough = self.error(EVERYWHERE[0], self.wide, "--activation-error", "0.1", "--tolerance", "0.2", "--ring", "32",
                           "--window-bits", "12")
        fine = self.error(EVERYWHERE[0], self.wide, "--activation-error", "0.001", "--tolerance", "0.2", "--ring", "32",
                          "--window-bits", "12")
        self.assertLess(fine * 5, rough)

    def test_values_beyond_the_range_keep_to_the_tails(self):
        # Calibrated on -6..6, asked for values up to twice as large.
        onnx.save(model("Sigmoid", {}, []), self.folder / "m.onnx")
        np.save(self.folder / "x.npy", self.wide)
        np.save(self.folder / "far.npy", 1.95 * self.wide)
        must("gfscc", self.folder / "m.onnx", "-o", self.folder / "m.bin", "--calib", self.folder / "x.npy", "-q")
        must("gfsrun", self.folder / "m.bin", "--local", "--batch", "-q", "--input", self.folder / "far.npy",
              "--output", self.folder / "y.npy")
        expected = 1 / (1 + np.exp(-1.95 * self.wide.astype(np.float64)))
        self.assertLess(abs(np.load(self.folder / "y.npy").reshape(expected.shape) - expected).max(), 0.03)


if __name__ == "__main__":
    unittest.main()
