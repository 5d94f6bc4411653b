# SPDX-License-Identifier: Apache-2.0
"""gfs-bench network on the demo's network, and tools/bench_models.py; wrong flags and files are refused before anything runs."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from deployment import BIN, DATA, MODEL, ROOT, TestCase, must, run, tearDownModule  # noqa: F401

sys.path.insert(0, str(ROOT / "tools"))


class Network(TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def measure(self, *arguments):
        path = self.folder / "result.json"
        done = must("gfs-bench", "network", *arguments, "--json", path, timeout=600)
        return done, json.loads(path.read_text())

    def test_model_over_every_transport_beside_plaintext(self):
        done, result = self.measure(MODEL, "--calib", DATA / "fashion_calib.npy", "--input", DATA / "fashion_calib.npy", "-n", 3,
                                    "--warm-up", 1, "--vs-plaintext", "--python", sys.executable, "--layers")
        self.assertEqual((result["schema"], result["warm_up"], result["inferences"]), ("gfs-benchmark-1", 1, 3))
        (network,) = result["networks"]
        self.assertEqual(network["name"], "fashion_cnn")
        self.assertGreater(network["compile_s"], 0)
        self.assertEqual(network["plaintext"]["threads"], 1)
        self.assertEqual([r["transport"] for r in network["runs"]], ["memory", "plain", "tls"])
        for measured in network["runs"]:
            self.assertEqual(measured["requests"], 3)
            self.assertEqual(measured["agreement"], 1)
            self.assertLess(measured["max_difference"], 1)
            for server, dealt in zip(measured["servers"], network["dealt_bytes"]):
                self.assertEqual(server["exchanges"], network["exchanges"])
                self.assertEqual(server["bytes_sent"], network["bytes_each_way"])
                self.assertEqual(server["dealt_bytes"], dealt)
            self.assertLessEqual(measured["online_ms"]["p50"], measured["online_ms"]["p99"])
            self.assertAlmostEqual(measured["times_plaintext"], measured["online_ms"]["p50"] / network["plaintext"]["ms"]["p50"])
        memory, plain, tls = network["runs"]
        steps = memory["steps"]
        self.assertGreater(sum(step["wait_ms"] for step in steps), 0)
        self.assertGreater(max(step["predicted_ms"] for step in steps), 0)
        for measured in plain, tls:
            self.assertNotIn("steps", measured)
            self.assertGreater(min(measured["peak_bytes"]), 1 << 20)
            self.assertGreater(measured["deal_to_files"]["bytes_per_s"], 0)
        for text in ("warm-up", "Linear", "dealing to files", "peak memory", "plaintext, ONNX Runtime"):
            self.assertIn(text, done.stdout)

    def test_plan_with_made_up_inputs_on_a_slow_network(self):
        plan = self.folder / "plan.bin"
        must("gfscc", MODEL, "-o", plan, "--calib", DATA / "fashion_calib.npy", "-q")
        _, result = self.measure(plan, "-n", 1, "--warm-up", 0, "--transport", "plain", "--throttle", "rtt=10,bw=1000")
        (network,) = result["networks"]
        (measured,) = network["runs"]
        slowest = 5 * network["exchanges"]  # half a round trip each
        self.assertGreaterEqual(measured["online_ms"]["p50"], slowest)
        self.assertGreaterEqual(measured["predicted_ms"], slowest)
        self.assertNotIn("agreement", measured)
        self.assertNotIn("compile_s", network)

    def test_several_in_one_pass(self):
        plan = self.folder / "plan.bin"
        must("gfscc", MODEL, "-o", plan, "--calib", DATA / "fashion_calib.npy", "-q")
        done, result = self.measure(plan, "-n", 10, "--warm-up", 1, "--transport", "memory,plain", "--together", 40, "--layers",
                                    "--input", DATA / "fashion_calib.npy")
        self.assertIn("40 of them together in a pass", done.stdout)
        self.assertRegex(done.stdout, r"online.* each ")
        self.assertEqual(result["together"], 40)
        (network,) = result["networks"]
        for measured in network["runs"]:
            self.assertEqual(measured["requests"], 40)
            self.assertNotIn("predicted_ms", measured)
            self.assertAlmostEqual(measured["online_ms_each"], measured["online_ms"]["p50"] / 40)
            for server in measured["servers"]:
                self.assertEqual(server["exchanges"], network["exchanges"], "as many for forty as for one")
                self.assertEqual(server["bytes_sent"], network["bytes_each_way"])

    def test_refusals(self):
        plan = self.folder / "plan.bin"
        plan.write_bytes(b"no plan")
        for code, text, arguments in (
                (2, "file is required", []),
                (2, "--transport", [MODEL, "--transport", "pigeon"]),
                (2, "--inferences", [MODEL, "-n", 0]),
                (2, "--together", [MODEL, "--together", 0]),
                (2, "--throttle", [MODEL, "--throttle", "fast"]),
                (2, "--vs-plaintext needs the model", [plan, "--vs-plaintext"]),
                (3, "there is no such file", [self.folder / "missing.onnx"]),
                (3, "missing.json", [MODEL, "--machine", self.folder / "missing.json"]),
                (5, "plan.bin", [plan])):
            with self.subTest(arguments=arguments):
                self.assert_fails(run("gfs-bench", "network", *arguments), code, text)

    def test_failures_of_other_programs(self):
        broken = self.folder / "broken.onnx"
        broken.write_bytes(b"no model")
        self.assert_fails(run("gfs-bench", "network", broken), 5, "gfscc ended with code 5")
        fast = ("-q", "-n", 1, "--calib", DATA / "fashion_calib.npy")
        self.assert_fails(run("gfs-bench", "network", MODEL, *fast, "--compile=--nonsense"), 2, "gfscc ended with code 2")
        self.assert_fails(run("gfs-bench", "network", MODEL, *fast, "--vs-plaintext", "--python", "no-such-python"), 2,
                          "no-such-python ended with code 127", "build/venv/bin/python")
        plan = self.folder / "plan.bin"
        must("gfscc", MODEL, "-o", plan, "--calib", DATA / "fashion_calib.npy", "-q")
        (self.folder / "plan.s1.key").unlink()
        self.assert_fails(run("gfs-bench", "network", plan, "-n", 1, "--transport", "plain"), 1, "server 1 ended with code 3",
                          "plan.s1.key")

    def test_temporary_files_go(self):
        done = subprocess.run([BIN / "gfs-bench", "network", MODEL, "-n", "1", "-q", "--transport", "tls", "--calib",
                               DATA / "fashion_calib.npy"], env={"TMPDIR": str(self.folder)}, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])


class Models(TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_reproducible(self):
        import bench_models
        first, again = (bench_models.write("lenet_mnist", self.folder / name) for name in "ab")
        self.assertEqual(first.read_bytes(), again.read_bytes())
        self.assertNotEqual(first.read_bytes(), bench_models.write("lenet_mnist", self.folder / "c", seed=2).read_bytes())
        result = must("gfs-bench", "network", first, "-q", "-n", 2, "--transport", "memory", "--vs-plaintext", "--python",
                      sys.executable, "--json", "-")
        (network,) = json.loads(result.stdout)["networks"]
        self.assertLess(network["runs"][0]["max_difference"], 0.1)
        # Nodes bear the names of the values they make, outputs included.
        table = must("gfs-debug", first, "--input", first.with_suffix(".input.npy"), "--calib", first.with_suffix(".calib.npy"))
        self.assertIn("no layer diverges", table.stdout)

    def test_statistics_are_those_of_the_activations(self):
        import bench_models
        import numpy as np
        import onnx
        import onnxruntime
        path = bench_models.write("lenet_mnist", self.folder, calibration=4)
        model = onnx.load(path)
        constants = {w.name: onnx.numpy_helper.to_array(w) for w in model.graph.initializer}
        norms = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
        self.assertEqual(len(norms), 2)
        model.graph.output.extend(onnx.helper.make_tensor_value_info(n.output[0], onnx.TensorProto.FLOAT, None) for n in norms)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        images = np.load(self.folder / "lenet_mnist.calib.npy")
        for norm in norms:
            values = np.concatenate([session.run([norm.output[0]], {"image": image[None]})[0] for image in images])
            scale, shift = (constants[name] for name in norm.input[1:3])
            np.testing.assert_allclose(values.mean((0, 2, 3)), shift, atol=1e-3)
            np.testing.assert_allclose(values.std((0, 2, 3)), scale, rtol=1e-2)

    def test_unknown_network(self):
        done = subprocess.run([sys.executable, ROOT / "tools" / "bench_models.py", "alexnet"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown network 'alexnet'", done.stderr)


class Survey(unittest.TestCase):
    def test_models_of_all_kinds(self):
        import numpy as np
        import onnx
        from graph import Graph
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            graph = Graph(["batch", 3, "height", "width"])  # two outputs, open extents
            features = graph.op("Relu", graph.conv("x", 3, 4))
            onnx.save(graph.model(graph.op("GlobalAveragePool", features), graph.conv(features, 4, 2)), folder / "good.onnx")
            graph = Graph([1, 8])
            onnx.save(graph.model(graph.op("Gemm", graph.op("NonZero", "x"), np.ones((1, 2), np.float32))), folder / "invalid.onnx")
            graph = Graph([1, 8])
            onnx.save(graph.model(graph.op("Mul", "x", graph.op("Cast", graph.op("Greater", "x", np.float32(0)), to=1))), folder / "refused.onnx")
            (folder / "text.onnx").write_text("no model")
            done = subprocess.run([sys.executable, ROOT / "tools" / "survey.py", folder, "--size", "12", "--images", "4", "--json", folder / "result.json"],
                                  capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            result = {pathlib.Path(it["model"]).name: it for it in json.loads((folder / "result.json").read_text())["models"]}
        self.assertEqual(sorted(result), ["good.onnx", "invalid.onnx", "refused.onnx", "text.onnx"])
        self.assertLess(result["good.onnx"]["error"], 0.02)
        self.assertGreater(result["good.onnx"]["exchanges"], 3)
        self.assertIn("decides by values that depend on the input", result["refused.onnx"]["left"])
        for broken in ("invalid.onnx", "text.onnx"):
            self.assertIn("ONNX Runtime cannot load it", result[broken]["left"])
        self.assertIn("| good.onnx | ", done.stdout)
        self.assertTrue(done.stdout.endswith("1 of 4 models ran privately\n"))

    def test_no_models(self):
        with tempfile.TemporaryDirectory() as name:
            done = subprocess.run([sys.executable, ROOT / "tools" / "survey.py", name], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no .onnx file there", done.stderr)


if __name__ == "__main__":
    if not (BIN / "gfs-bench").exists():
        print("gfs-bench is not built: Google Benchmark is missing")
        sys.exit(77)
    unittest.main()
