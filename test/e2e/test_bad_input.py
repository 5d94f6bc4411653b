# SPDX-License-Identifier: Apache-2.0
"""Damaged, foreign and absent files, wrong roles and busy ports: the message, the exit code, and nothing lost."""
import datetime
import os
import pathlib
import socket
import subprocess
import time
import unittest

from deployment import BIN, DATA, IMAGES, MODEL, TestCase, must, run, tearDownModule  # noqa: F401


def damage(path, how):
    """Changes a file in place: truncated, flipped, oversized, foreign or absent."""
    path = pathlib.Path(path)
    data = bytearray(path.read_bytes())
    if how == "absent":
        path.unlink()
        return
    if how == "truncated":
        data = data[: len(data) // 2]
    elif how == "flipped":
        data[len(data) * 3 // 4] ^= 0x10
    elif how == "oversized":
        data += bytes(4096)
    elif how == "foreign":
        data = bytearray(b"this is not the file you are looking for\n" * 50)
    path.chmod(0o600)
    path.write_bytes(data)


class BadFiles(TestCase):
    def server(self, deployment, party=1):
        """A server that should refuse to start (server 1 has no peer to talk to)."""
        arguments = deployment.server_arguments(party, peer="127.0.0.1:9", requests=1)
        arguments = [a for a in arguments if a is not None]
        return run("gfsrun", *arguments, timeout=60)

    def test_files_of_a_server(self):
        codes = {"absent": (3,), "truncated": (5, 15), "flipped": (5, 12, 15), "oversized": (5, 15), "foreign": (5,)}
        for name in ("plan.bin", "plan.weights", "plan.s1.key"):
            for how, allowed in codes.items():
                if name == "plan.bin" and how in ("flipped", "oversized"):
                    allowed = (5, 12, 15)  # a flipped plan may still be a plan, but another one
                with self.subTest(file=name, damage=how):
                    deployment = self.deployment(records=1)
                    damage(deployment.folder / name, how)
                    done = self.server(deployment)
                    self.assertIn(done.returncode, allowed, done.stderr)
                    self.assertIn("error:", done.stderr)
                    self.assertIn("hint:", done.stderr)
                    self.assertIn(name if name != "plan.bin" else "plan", done.stderr)

    def test_material_header(self):
        for how, allowed in {"absent": (3,), "truncated": (5,), "foreign": (5,), "oversized": (5,)}.items():
            with self.subTest(damage=how):
                deployment = self.deployment(records=3)
                damage(deployment.folder / "plan.s1.material", how)
                done = self.server(deployment)
                self.assertIn(done.returncode, allowed, done.stderr)
                self.assertIn("plan.s1.material", done.stderr)

    def test_flipped_record_is_refused_and_the_server_stays(self):
        deployment = self.deployment(records=3)
        path = deployment.folder / "plan.s1.material"
        data = bytearray(path.read_bytes())
        data[len(data) // 6] ^= 1  # inside the first record
        path.write_bytes(data)
        deployment.start_both()
        done, _ = deployment.infer("--limit", 1)
        self.assert_fails(done, 15)
        done, _ = deployment.infer("--limit", 1)
        self.assertEqual(done.returncode, 0, "the next record is whole\n" + done.stderr)

    def test_foreign_companions(self):
        deployment, other = self.deployment(records=1), self.deployment(records=1)
        must("gfscc", MODEL, "-o", other.plan, "--calib", DATA / "fashion_calib.npy", "-q", "--force")
        must("gfsdeal", other.plan, "-n", 1, "--force", "-q")
        for name in ("plan.weights", "plan.s1.key", "plan.s1.material"):
            with self.subTest(name):
                mine = deployment.folder / name
                kept = mine.read_bytes()
                mine.chmod(0o600)
                mine.write_bytes((other.folder / name).read_bytes())
                done = self.server(deployment)
                mine.write_bytes(kept)
                # Of key and weights that do not match, either may be the foreign one.
                self.assert_fails(done, 12, "plan.s1.material" if name.endswith("material") else "belongs to")

    def test_key_of_the_other_party(self):
        deployment = self.deployment(records=1)
        done = run("gfsrun", *deployment.server_arguments(1, peer="127.0.0.1:9", key=deployment.folder / "plan.s0.key"))
        self.assertIn(done.returncode, (5, 12), done.stderr)
        self.assertIn("plan.s0.key", done.stderr)

    def test_models(self):
        deployment = self.deployment(records=0)
        for how, code in {"absent": 3, "truncated": 5, "foreign": 5}.items():
            with self.subTest(how):
                model = deployment.folder / "model.onnx"
                model.write_bytes(MODEL.read_bytes())
                damage(model, how)
                self.assert_fails(run("gfscc", model, "-o", deployment.folder / "x.bin"), code, "model.onnx")
                self.assertFalse((deployment.folder / "x.bin").exists())

    def test_calibration_and_input_tensors(self):
        deployment = self.deployment(records=0)
        tensor = deployment.folder / "x.npy"
        for how, code in {"absent": 3, "truncated": 5, "foreign": 5}.items():
            with self.subTest(how):
                tensor.write_bytes((DATA / "fashion_calib.npy").read_bytes())
                damage(tensor, how)
                self.assert_fails(run("gfscc", MODEL, "-o", deployment.folder / "x.bin", "--calib", tensor), code, "x.npy")
                self.assert_fails(run("gfsrun", deployment.plan, "--local", "--input", tensor), code, "x.npy")

    def test_wrong_shape(self):
        deployment = self.deployment(records=0)
        done = run("gfsrun", deployment.plan, "--local", "--input", DATA / "fashion_test_200_logits.npy")
        self.assert_fails(done, 5, "image", "[200, 10]", "[1, 1, 28, 28]")

    def test_keys_are_not_replaced_by_accident(self):
        deployment = self.deployment(records=0)
        before = (deployment.folder / "plan.s0.key").read_bytes()
        done = run("gfscc", MODEL, "-o", deployment.plan, "--calib", DATA / "fashion_calib.npy")
        self.assert_fails(done, 4, "plan.s0.key")
        self.assertEqual((deployment.folder / "plan.s0.key").read_bytes(), before)
        self.assertEqual(os.stat(deployment.folder / "plan.s0.key").st_mode & 0o777, 0o600)

    def test_material_is_not_replaced_by_accident(self):
        deployment = self.deployment(records=2)
        done = run("gfsdeal", deployment.plan, "-n", 2)
        self.assert_fails(done, 4, "plan.s0.material")


class BadPeers(TestCase):
    def test_port_in_use(self):
        deployment = self.deployment(records=1)
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen()
            port = busy.getsockname()[1]
            done = run("gfsrun", *deployment.server_arguments(0, listen=f"127.0.0.1:{port}"), timeout=60)
        self.assert_fails(done, 10, str(port))

    def test_expired_certificate(self):
        deployment = self.deployment(records=1)
        for suffix in ("crt", "key"):
            (deployment.folder / f"server1.{suffix}").unlink()
        must("gfs-ca", "issue", "-q", deployment.folder, "--role", "server1", "--days", 1, "--host", "127.0.0.1")
        faketime = datetime.datetime.now() + datetime.timedelta(days=3)
        if subprocess.run(["sh", "-c", "command -v faketime"], capture_output=True).returncode != 0:
            self.skipTest("faketime is not installed; TlsTest covers expired certificates")
        done = subprocess.run(["faketime", faketime.strftime("%Y-%m-%d %H:%M:%S"), BIN / "gfsrun",
                               *map(str, deployment.server_arguments(1, peer="127.0.0.1:9"))],
                              capture_output=True, text=True, timeout=60)
        self.assert_fails(done, 11, "expired")

    def test_certificate_of_another_deployment(self):
        deployment = self.deployment(records=2)
        stranger = deployment.folder / "stranger"
        must("gfs-ca", "init", "-q", stranger)
        must("gfs-ca", "issue", "-q", stranger, "--role", "client:test")
        deployment.start_both()
        for suffix in ("crt", "key"):
            (deployment.folder / f"client-test.{suffix}").write_bytes((stranger / f"client-test.{suffix}").read_bytes())
        done, _ = deployment.infer("--limit", 1)
        self.assert_fails(done, 11)

    def test_servers_of_different_plans(self):
        deployment, other = self.deployment(records=1), self.deployment(records=1)
        must("gfscc", MODEL, "-o", other.plan, "--calib", DATA / "fashion_calib.npy", "-q", "--force", "--ring", "32")
        must("gfsdeal", other.plan, "-n", 1, "--force", "-q")
        deployment.start(0)
        arguments = map(str, other.server_arguments(1, peer=f"127.0.0.1:{deployment.port(0)}"))
        with open(other.folder / "log1", "w") as log:
            other.processes[1] = subprocess.Popen([BIN / "gfsrun", *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.wait_for_text(deployment.folder / "log0", other.folder / "log1", "plan")

    def test_two_servers_with_one_party(self):
        deployment = self.deployment(records=1)
        deployment.start(0)
        second = self.deployment(records=1)
        arguments = [*map(str, second.server_arguments(0, peer=f"127.0.0.1:{deployment.port(0)}"))]
        done = subprocess.run([BIN / "gfsrun", *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assert_fails(done, 2, "both servers were started with --party 0")

    def wait_for_text(self, *logs_and_text):
        *logs, text = logs_and_text
        for _ in range(200):
            if any(text in log.read_text() and "error" in log.read_text() for log in logs):
                return
            time.sleep(0.05)
        self.fail("no message:\n" + "\n".join(log.read_text() for log in logs))

    def test_absent_servers(self):
        deployment = self.deployment(records=0)
        done = run("gfs-client", "infer", "--plan", deployment.plan, "--server0", "127.0.0.1:9", "--server1", "127.0.0.1:9",
                   "--ca", deployment.folder / "ca.crt", "--cert", deployment.folder / "client-test.crt",
                   "--cert-key", deployment.folder / "client-test.key", "--input", IMAGES, "--batch", "--limit", 1,
                   "--connect-ms", 500)
        self.assert_fails(done, 10, "127.0.0.1:9")

    def test_usage(self):
        for tool, arguments in (("gfsrun", ["plan.bin"]), ("gfs-client", ["infer"]), ("gfscc", []), ("gfsdeal", []),
                                ("gfs-inspect", []), ("gfs-ca", ["issue"]), ("gfscc", ["--no-such-flag"])):
            with self.subTest(tool=tool, arguments=arguments):
                done = run(tool, *arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertTrue(done.stderr.strip())


if __name__ == "__main__":
    unittest.main(verbosity=2)
