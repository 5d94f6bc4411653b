# SPDX-License-Identifier: Apache-2.0
"""tools/finetune.py for a few steps: one run from a trained network to one that gfscc recognises and runs privately as it is."""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from deployment import DATA, MODEL, must

ROOT = pathlib.Path(__file__).resolve().parents[2]
FINETUNE = ROOT / "tools" / "finetune.py"
try:
    import numpy as np
    import onnx
    import torch
except ImportError as missing:
    print(f"SKIPPED: {missing}; fine-tuning needs numpy, onnx and torch", file=sys.stderr)
    sys.exit(77)


def finetune(*arguments):
    return subprocess.run([sys.executable, FINETUNE, *map(str, arguments)], capture_output=True, text=True, timeout=600)


def logits(path, images):
    """What the tool's own module, which the network was trained in, gives for the file that it wrote."""
    spec = importlib.util.spec_from_file_location("finetune", FINETUNE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with torch.no_grad():
        return module.Network(onnx.load(str(path)).graph).eval()(torch.from_numpy(images).float()).numpy()


class Finetune(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.holder.name)
        cls.images = np.load(DATA / "fashion_calib.npy")
        samples = np.load(DATA / "fashion_test_200.npz")
        for name in ("images", "labels"):
            np.save(cls.folder / f"{name}.npy", samples[name])
        cls.arguments = (MODEL, "--images", DATA / "fashion_calib.npy", "--replace", 0.8, "--batch", 16, "--threads", 1, "--augment",
                         "--schedule", "1@5e-4,1@1e-3", "--test-images", cls.folder / "images.npy",
                         "--test-labels", cls.folder / "labels.npy")
        cls.tuned = cls.folder / "tuned.onnx"
        cls.done = finetune(*cls.arguments, "-o", cls.tuned)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def test_one_run_goes_through_the_schedule(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        self.assertRegex(self.done.stdout, r"(?s)rate 0.0005, epoch 1/1: loss .*rate 0.001, epoch 1/1: loss .*"
                                           r"88.9% of the ReLUs replaced.*accuracy on 200 images: [0-9.]+% before, [0-9.]+% after")
        after = float(self.done.stdout.rsplit("before, ", 1)[1].split("%")[0])
        self.assertGreater(after, 50, "a tenth is chance; a few steps keep most of what the network knew")

    def test_gfscc_recognises_what_was_written_and_runs_it(self):
        plan, report, expected = (self.folder / name for name in ("plan.bin", "report.json", "expected.npy"))
        must("gfscc", self.tuned, "--calib", DATA / "fashion_calib.npy", "-q", "-o", plan, "--report", report)
        kinds = [list(row["kinds"]) for row in json.loads(report.read_text())["activations"]]
        self.assertEqual(kinds, [["quadratic"]] * 3 + [["relu"]])
        np.save(expected, logits(self.tuned, self.images[:40]))
        np.save(self.folder / "some.npy", self.images[:40])
        must("gfsrun", plan, "--local", "--batch", "--input", self.folder / "some.npy", "--expected", expected,
             "--min-agreement", 0.95)

    def test_the_same_seed_gives_the_same_network(self):
        again = self.folder / "again.onnx"
        self.assertEqual(finetune(*self.arguments, "-o", again).returncode, 0)
        self.assertEqual(again.read_bytes(), self.tuned.read_bytes())

    def test_refusals(self):
        done = finetune(*self.arguments, "-o", self.folder / "x.onnx", "--schedule", "two@1e-3")
        self.assertEqual(done.returncode, 2)
        self.assertIn("'two@1e-3' is no cycle EPOCHS@RATE", done.stderr)
        done = finetune(*self.arguments, "-o", self.folder / "x.onnx", "--labels", self.folder / "labels.npy")
        self.assertEqual(done.returncode, 1)
        self.assertIn("200 labels for", done.stderr)
        self.assertFalse((self.folder / "x.onnx").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
