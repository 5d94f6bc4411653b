# SPDX-License-Identifier: Apache-2.0
"""No branch and no address depends on a secret: whole plans are dealt, prepared and run under valgrind's memcheck with all secrets
marked as undefined memory, and memcheck must find nothing. valgrind has no AVX-512, so the portable and the AVX2 variants are what is
covered; the AVX-512 ones are the same code over wider vectors."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import onnx
except ImportError as missing:
    print(f"SKIPPED: {missing}; tools/install.sh --tests installs it", file=sys.stderr)
    sys.exit(77)

from deployment import BIN
from graph import Graph

RUN = BIN / "SecretFlowRun"
if shutil.which("valgrind") is None or not RUN.exists():
    print("SKIPPED: valgrind is missing, or was when GFS was built; tools/install.sh --tests installs it", file=sys.stderr)
    sys.exit(77)

FOUND = 99
KERNELS = ("portable", "avx2")
SHAPE = [1, 2, 8, 8]


def classifier():
    """Convolutions in every form (3x3, strided, depthwise, 1x1), ReLUs, both poolings, a residual sum, a dense layer."""
    net = Graph(SHAPE)
    x = net.op("Relu", net.conv("x", 2, 4))
    pooled = net.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    deep = net.op("Relu", net.op("Conv", pooled, net.weights(4, 1, 3, 3), pads=[1] * 4, group=4))
    x = net.op("Relu", net.op("Add", net.conv(deep, 4, 4, kernel=1), pooled))
    x = net.op("AveragePool", net.op("Conv", x, net.weights(8, 4, 3, 3), pads=[1] * 4, strides=[2, 2]), kernel_shape=[2, 2])
    return net.model(net.op("Gemm", net.op("Flatten", x), net.weights(5, 8), net.weights(5), transB=1))


def functions():
    """Piecewise polynomials, products of computed values, squares, a gate that multiplies whole channels."""
    net = Graph(SHAPE)
    x = net.conv("x", 2, 3)
    x = net.op("Mul", x, net.op("Sigmoid", x))
    x = net.op("Add", net.op("Mul", x, x), net.op("HardSwish", net.conv(x, 3, 3)))
    gate = net.op("HardSigmoid", net.conv(net.op("GlobalAveragePool", x), 3, 3, kernel=1))
    return net.model(net.op("GlobalAveragePool", net.op("Mul", net.conv(x, 3, 3), gate)))


def attention():
    """Products of two secret matrices and a softmax between them."""
    net = Graph(SHAPE)
    pixels = net.op("Reshape", net.conv("x", 2, 12, strides=[4, 4]), np.int64([1, 12, 4]))
    query, key, value = net.op("Split", pixels, np.int64([4, 4, 4]), axis=1, outputs=3)
    weights = net.op("Softmax", net.op("MatMul", net.op("Transpose", query, perm=[0, 2, 1]), key), axis=-1)
    return net.model(net.op("MatMul", value, net.op("Transpose", weights, perm=[0, 2, 1])))


PLANS = {
    "tables": (classifier, ["--relu-protocol=table"]),
    "one-hot chunks": (classifier, ["--relu-protocol=one_hot"]),
    "comparison keys": (classifier, ["--relu-protocol=dcf"]),
    "exact": (classifier, ["--exact"]),
    "words of 64 bits": (classifier, ["--ring=44"]),
    "weights of server 0": (classifier, ["--weights=server"]),
    "public weights": (classifier, ["--weights=public"]),
    "index of the largest": (classifier, ["--output=argmax"]),
    "functions": (functions, []),
    "functions in words of 64 bits": (functions, ["--ring=48"]),
    "attention": (attention, []),
}


class SecretFlowTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def compile(self, network, options):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        model, calibration, plan = (folder / name for name in ("model.onnx", "calib.npy", "plan.bin"))
        onnx.save(network(), model)
        np.save(calibration, np.random.default_rng(2).standard_normal([16] + SHAPE[1:]).astype(np.float32))
        done = subprocess.run([BIN / "gfscc", model, "-q", "--calib", calibration, "-o", plan, *options],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return plan

    def memcheck(self, plan, kernel, *options):
        return subprocess.run(["valgrind", "-q", f"--error-exitcode={FOUND}", "--num-callers=20", RUN, plan, *options],
                              capture_output=True, text=True, timeout=600, env={**os.environ, "GFS_KERNEL": kernel})

    def test_no_branch_or_address_depends_on_a_secret(self):
        for name, (network, options) in PLANS.items():
            plan = self.compile(network, options)
            for kernel in KERNELS:
                with self.subTest(plan=name, kernel=kernel):
                    done = self.memcheck(plan, kernel)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_would_find_one(self):
        plan = self.compile(classifier, [])
        for leak, message in (("branch", "Conditional jump"), ("index", "Use of uninitialised value")):
            with self.subTest(leak=leak):
                done = self.memcheck(plan, "avx2", f"--leak={leak}")
                self.assertEqual(done.returncode, FOUND)
                self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
