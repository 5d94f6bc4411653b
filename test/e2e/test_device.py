# SPDX-License-Identifier: Apache-2.0
"""gfsrun --device, from the flag through the library to the kernels and back, on an emulated GPU; and without one."""
import json
import os
import unittest

from deployment import IMAGES, LABELS, TestCase, must, run, tearDownModule  # noqa: F401

EMULATED = os.environ["GFS_EMULATED_CUDA_LIBRARY"]


class Device(TestCase):
    def use(self, library):
        """The tools of this test load `library` in the place of libgfs-cuda.so."""
        before = os.environ.get("GFS_CUDA_LIBRARY")
        os.environ["GFS_CUDA_LIBRARY"] = str(library)
        self.addCleanup(lambda: os.environ.pop("GFS_CUDA_LIBRARY") if before is None
                        else os.environ.__setitem__("GFS_CUDA_LIBRARY", before))

    def local(self, plan, device, *more):
        return run("gfsrun", plan, "--local", "--device", device, "--input", IMAGES, "--batch", "--limit", 2, "--labels", LABELS, *more)

    def test_local_run_on_the_device(self):
        made = self.deployment(records=0)
        self.use(EMULATED)
        done = self.local(made.plan, "cuda")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("device: cuda:0 (emulated on this CPU", done.stdout)
        self.assertRegex(done.stdout, r"whole passes there, up to \d+\.\d MB: weights \d+\.\d \+ a pass \d+\.\d.* for a record in the making")
        self.assertIn("accuracy 1.0000 over 2 rows", done.stdout)

    def test_groups_of_whole_passes(self):
        made = self.deployment(records=0)
        self.use(EMULATED)
        done = run("gfs-pass-bench", made.plan, "cuda", 1, 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("whole passes on the device: yes, whole records: yes", done.stdout)
        self.assertEqual(done.stdout.count("results right"), 2, done.stdout)
        self.assertEqual(run("gfs-pass-bench", made.plan, "cuda", 0).returncode, 2)

    def test_times_of_single_steps(self):
        made = self.deployment(records=0)
        self.use(EMULATED)
        done = self.local(made.plan, "cuda", "--profile")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"online ms +predicted +copy ms +wait ms")
        self.assertNotIn("copy ms", self.local(made.plan, "cpu", "--profile").stdout)
        report = made.folder / "bench.json"
        done = run("gfs-bench", "network", made.plan, "--device", "cuda", "--layers", "-n", 1, "--warm-up", 0,
                   "--transport", "memory,plain", "--json", report)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("cuda:0 (emulated", done.stdout)
        self.assertIn("copy ms", done.stdout)
        document = json.loads(report.read_text())
        self.assertEqual(document["device"], "cuda")
        steps = document["networks"][0]["runs"][0]["steps"]
        self.assertGreater(sum(step["transfer_ms"] for step in steps), 0)
        done = run("gfs-bench", "network", made.plan, "--device", "cuda", "-n", 3, "--together", 3, "--warm-up", 0,
                   "--transport", "memory", "--json", report)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(report.read_text())["networks"][0]["runs"][0]["requests"], 3)

    def test_dealer_on_the_device(self):
        made = self.deployment(records=0)
        self.use(EMULATED)
        dealt = run("gfsdeal", made.plan, "-n", 3, "--device", "cuda", "--force")
        self.assertEqual(dealt.returncode, 0, dealt.stderr)
        self.assertRegex(dealt.stdout, r"device: cuda:0 \(emulated.*whole records there.*2 x \d+\.\d for 3 records in the making")
        made.start(0)
        made.start(1)
        done, _ = made.infer("--limit", 3, "--labels", LABELS)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_without_the_library(self):
        made = self.deployment(records=0)
        self.use(made.folder / "missing.so")
        refused = self.local(made.plan, "cuda")
        self.assertEqual(refused.returncode, 20)
        self.assertIn("missing.so: no such file", refused.stderr)
        self.assertIn("--device cpu", refused.stderr)
        fallen = self.local(made.plan, "auto")
        self.assertEqual(fallen.returncode, 0, fallen.stderr)
        self.assertRegex(fallen.stdout, r"device: cpu \(\w+\); no GPU: .*missing\.so")
        self.assertEqual(self.local(made.plan, "tpu").returncode, 2)
        self.assertEqual(run("gfsdeal", made.plan, "-n", 1, "--device", "cuda", "--force").returncode, 20)
        dealt = run("gfsdeal", made.plan, "-n", 1, "--device", "auto", "--force")
        self.assertEqual(dealt.returncode, 0, dealt.stderr)
        self.assertRegex(dealt.stdout, r"device: cpu \(\w+\); no GPU: ")

    def test_servers_on_gpu_and_cpu_work_together(self):
        made = self.deployment(records=2)
        self.use(EMULATED)
        made.start(0, device="cuda")
        made.start(1, device="cpu")
        done, stats = made.infer("--limit", 2, "--labels", LABELS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIsNotNone(stats)
        self.assertIn("device: cuda:0 (emulated", (made.folder / "log0").read_text())
        self.assertIn("device: cpu (", (made.folder / "log1").read_text())


if __name__ == "__main__":
    unittest.main()
