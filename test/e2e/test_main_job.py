# SPDX-License-Identifier: Apache-2.0
"""The main job over real processes and TLS, and what it costs against what the plan predicts."""
import json
import os
import unittest

from deployment import DATA, IMAGES, LABELS, LOGITS, MODEL, TestCase, must, number, run, tearDownModule  # noqa: F401


class MainJob(TestCase):
    def test_inference_agrees_with_plaintext_and_costs_what_is_predicted(self):
        deployment = self.deployment(records=100)
        deployment.start_both()
        done, stats = deployment.infer("--limit", 100, "--labels", LABELS, "--expected", LOGITS, "--network=loopback")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(stats["requests"], 100)
        self.assertGreaterEqual(stats["agreement"], 0.98)
        self.assertGreaterEqual(stats["accuracy"], 0.85)
        plan = json.loads(must("gfs-inspect", deployment.plan, "--json", "--network=loopback").stdout)
        predicted = plan["totals"]
        for party, server in enumerate(stats["servers"]):
            self.assertEqual(number(server["exchanges"]), predicted["exchanges"])
            self.assertEqual(number(server["bytes_sent"]), predicted["bytes_each_way"])
            self.assertEqual(number(server["bytes_received"]), predicted["bytes_each_way"])
            self.assertEqual(number(server["dealt_bytes"]), predicted["dealt_bytes"][party])
        self.assertEqual(number(stats["servers"][0]["material_left"]), 0)
        # Predicted beside measured; how near they are depends on the machine, see docs/benchmarks.md.
        self.assertAlmostEqual(stats["predicted"]["online_ms"], plan["predicted"]["online_ms"], 6)
        self.assertIn("loopback", stats["predicted"]["for"])
        self.assertRegex(done.stdout, r"(?s)online +p50 .*predicted +[0-9.]+ ms   for loopback")

    def test_requests_in_flight_share_passes(self):
        deployment = self.deployment(records=64)
        deployment.start_both()
        done, stats = deployment.infer("--limit", 64, "--expected", LOGITS, "--in-flight", 8)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(stats["agreement"], 0.95)
        self.assertGreater(stats["inferences_per_s"], 0)
        self.assertNotIn("predicted", stats, "what is predicted is one inference alone")
        self.assertRegex(done.stdout, r"throughput +[0-9.]+ inferences per second")
        self.assertRegex((deployment.folder / "log0").read_text(), r"group of [2-8],")
        done, _ = deployment.infer("--in-flight", 0)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--in-flight", done.stderr)

    def test_refuses_a_network_that_is_none(self):
        deployment = self.deployment(records=0)
        done = run("gfs-client", "infer", "--plan", deployment.plan, "--server0=localhost:1", "--server1=localhost:2",
                   "--input", IMAGES, "--network=moon")
        self.assert_fails(done, 2)
        self.assertIn("'moon' is no network", done.stderr)

    def test_servers_outlive_exhausted_material(self):
        deployment = self.deployment(records=2)
        deployment.start_both()
        done, _ = deployment.infer("--limit", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        for party in (0, 1):  # beside the server, which holds the ledger
            shown = json.loads(must("gfs-inspect", deployment.folder / f"plan.s{party}.material", "--json").stdout)
            self.assertEqual((shown["records"], shown["records_left"]), (2, 0))
        done, _ = deployment.infer("--limit", 1)
        self.assert_fails(done, 13)
        for process in deployment.processes.values():
            self.assertIsNone(process.poll(), "the server stays up")

    def test_local_run_is_the_same_job(self):
        deployment = self.deployment(records=0)
        done = must("gfsrun", deployment.plan, "--local", "--input", IMAGES, "--batch", "--limit", 50, "--expected", LOGITS,
                    "--min-agreement", 0.98)
        self.assertIn("argmax agreement", done.stdout)
        self.assertRegex(done.stdout, r"predicted +[0-9.]+ ms   for loopback")

    def test_the_plan_does_not_depend_on_processors(self):
        deployment = self.deployment(records=0)
        processors = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, processors)
        plans = []
        for some in ({min(processors)}, processors):
            os.sched_setaffinity(0, some)  # the compiler inherits it
            must("gfscc", MODEL, "--calib", DATA / "fashion_calib.npy", "--replace=ratio:0.2", "--force", "-o", deployment.plan, "-q")
            plans.append(deployment.plan.read_bytes())
        self.assertEqual(*plans)

    def test_weight_modes(self):
        deployment = self.deployment(records=0)
        for mode in ("server", "public"):
            with self.subTest(mode):
                plan = deployment.folder / f"{mode}.bin"
                must("gfscc", MODEL, "-o", plan, "--calib", DATA / "fashion_calib.npy", f"--weights={mode}", "-q")
                must("gfsrun", plan, "--local", "--input", IMAGES, "--batch", "--limit", 20, "--expected", LOGITS,
                     "--min-agreement", 0.9)


if __name__ == "__main__":
    unittest.main(verbosity=2)
