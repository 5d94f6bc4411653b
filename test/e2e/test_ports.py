# SPDX-License-Identifier: Apache-2.0
"""A model of two inputs and two outputs, from gfscc to gfs-client."""
import shutil
import subprocess
import sys
import unittest

try:
    import numpy as np
except ImportError as missing:
    print(f"SKIPPED: {missing}; tools/install.sh --tests installs it")
    sys.exit(77)

from deployment import ROOT, TestCase, must, run, tearDownModule  # noqa: F401

MODEL = """
ir_version: 8
opset_import { version: 13 }
graph {
  input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_value: 1 } dim { dim_value: 4 } } } } }
  input { name: "z" type { tensor_type { elem_type: 1 shape { dim { dim_value: 1 } dim { dim_value: 3 } } } } }
  initializer { name: "w" dims: [4, 3] data_type: 1 float_data: [1, 0, -1, 0.5, 2, 0, -1, 1, 1, 0, -0.5, 2] }
  node { op_type: "MatMul" input: "x" input: "w" output: "product" }
  node { op_type: "Add" input: "product" input: "z" output: "sum" }
  node { op_type: "Relu" input: "sum" output: "active" }
  output { name: "active" }
  output { name: "product" }
}
"""
WEIGHT = np.array([1, 0, -1, 0.5, 2, 0, -1, 1, 1, 0, -0.5, 2], np.float32).reshape(4, 3)


class Ports(TestCase):
    def setUp(self):
        self.made = self.deployment(records=0)
        folder = self.made.folder
        encoded = subprocess.run(["protoc", f"--proto_path={ROOT}", "--encode=gfs.onnx.ModelProto", "compiler/import/onnx.proto"],
                                 input=MODEL.encode(), capture_output=True, check=True).stdout
        (folder / "model.onnx").write_bytes(encoded)
        # Twelve requests of both inputs: 0.25 steps are exact in fixed point.
        steps = np.arange(12 * 7, dtype=np.float32).reshape(12, 7) % 23 / 4 - 2.75
        self.x, self.z = steps[:, :4].copy(), steps[:, 4:].copy()
        np.save(folder / "x.npy", self.x)
        np.save(folder / "z.npy", self.z)
        np.savez(folder / "both.npz", x=self.x, z=self.z)
        must("gfscc", folder / "model.onnx", "-o", self.made.plan, "--calib", folder / "both.npz", "-q", "--force")

    def assert_right(self, stem):
        folder = self.made.folder
        product = np.load(folder / f"{stem}.product.npy")
        active = np.load(folder / f"{stem}.active.npy")
        np.testing.assert_allclose(product, self.x @ WEIGHT, atol=0.05)
        np.testing.assert_allclose(active, np.maximum(self.x @ WEIGHT + self.z, 0), atol=0.1)

    def test_local_run(self):
        folder = self.made.folder
        must("gfsrun", self.made.plan, "--local", "--batch", "--input", f"x={folder / 'x.npy'}", "--input", f"z={folder / 'z.npy'}",
             "--output", folder / "named.npy")
        self.assert_right("named")
        # An archive names its arrays like the inputs.
        must("gfsrun", self.made.plan, "--local", "--batch", "--input", folder / "both.npz", "--output", folder / "archive.npy")
        self.assert_right("archive")

    def test_servers_and_client(self):
        folder = self.made.folder
        self.made.deal(12)
        self.made.start_both()
        arguments = self.made.client_arguments("--input", f"z={folder / 'z.npy'}", "--output", folder / "y.npy",
                                               images=f"x={folder / 'x.npy'}")
        must("gfs-client", *arguments)
        self.assert_right("y")

    def test_missing_and_unequal_inputs(self):
        folder = self.made.folder
        self.assert_fails(run("gfsrun", self.made.plan, "--local", "--batch", "--input", f"x={folder / 'x.npy'}"), 2,
                          'input "z" is missing', "--input 'z=FILE'")
        np.save(folder / "few.npy", self.z[:5])
        done = run("gfsrun", self.made.plan, "--local", "--batch", "--input", f"x={folder / 'x.npy'}", "--input",
                   f"z={folder / 'few.npy'}")
        self.assert_fails(done, 5, 'input "z" holds 5 requests, others 12')


if __name__ == "__main__":
    if not shutil.which("protoc"):
        print("SKIPPED: protoc is missing; tools/install.sh installs it")
        sys.exit(77)
    unittest.main(verbosity=2)
