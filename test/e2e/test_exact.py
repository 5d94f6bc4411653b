#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plans of gfscc --exact are held against integer arithmetic, step by step; see ExactRun.cpp."""
import pathlib
import sys
import tempfile
import unittest

import numpy as np

from deployment import BIN, DATA, MODEL, SHARED, must
from test_shared_models import cifar, mnist, normalised


class Exact(unittest.TestCase):
    def check(self, model, images, calibration, count=3):
        with tempfile.TemporaryDirectory(prefix="gfs-exact-") as name:
            folder = pathlib.Path(name)
            np.save(folder / "x.npy", images[:count])
            np.save(folder / "c.npy", calibration)
            must("gfscc", model, "-q", "--exact", "--calib", folder / "c.npy", "-o", folder / "plan.bin", timeout=900)
            print(pathlib.Path(model).stem + ":", must("ExactRun", folder / "plan.bin", folder / "x.npy", count).stdout.strip())

    def shared(self, name):
        path = SHARED / "models" / name
        if not path.exists():
            print(f"SKIPPED: {path} is absent", file=sys.stderr)
            self.skipTest(f"{path} is absent")
        return path

    def test_fashion_cnn(self):
        images = np.load(DATA / "fashion_test_200.npz")["images"].astype(np.float32)
        self.check(MODEL, images, np.load(DATA / "fashion_calib.npy"))

    def test_mnist_8(self):
        self.check(self.shared("mnist-8.onnx"), mnist(10)[0], mnist(10)[2])

    def test_minionn_c(self):
        model = self.shared("minionn_c_mnist.onnx")
        images, _, calibration = mnist(10)
        self.check(model, normalised(images), normalised(calibration))

    def test_resnet20(self):
        model = self.shared("resnet20_cifar10.onnx")
        images = cifar()[0]
        self.check(model, images[:100], images[100:200], count=2)


if __name__ == "__main__":
    if not (BIN / "ExactRun").exists():
        raise SystemExit("ExactRun is not built")
    unittest.main()
