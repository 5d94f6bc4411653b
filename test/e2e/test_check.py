# SPDX-License-Identifier: Apache-2.0
"""gfs-client check finds what is wrong with a deployment; --config files say what flags say."""
import time
import unittest

from deployment import DATA, IMAGES, MODEL, TestCase, must, run, tearDownModule  # noqa: F401


class Check(TestCase):
    def flags(self, deployment, **changes):
        port = {party: f"127.0.0.1:{deployment.port(party)}" if (deployment.folder / f"port{party}").exists() else "127.0.0.1:9"
                for party in (0, 1)}
        flags = {"plan": deployment.plan, "server0": port[0], "server1": port[1], "ca": deployment.folder / "ca.crt",
                 "cert": deployment.folder / "client-test.crt", "cert-key": deployment.folder / "client-test.key",
                 "connect-ms": 300}
        return {**flags, **changes}

    def check(self, deployment, **changes):
        return run("gfs-client", "check", *(f"--{name}={value}" for name, value in self.flags(deployment, **changes).items()))

    def await_link(self, deployment):
        for _ in range(200):
            if (done := self.check(deployment)).returncode != 10:
                return done
            time.sleep(0.05)
        return done

    def test_a_deployment_that_is_well(self):
        deployment = self.deployment(records=3)
        deployment.start_both()
        done = self.await_link(deployment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for party in (0, 1):
            self.assertIn(f"server {party}: 127.0.0.1:{deployment.port(party)} is well", done.stdout)
            self.assertIn(f"certificate       server{party}, until 20", done.stdout)
        self.assertEqual(done.stdout.count("other server      linked"), 2)
        self.assertEqual(done.stdout.count("material left     3 inferences"), 2)

    def test_one_server_absent(self):
        deployment = self.deployment(records=1)
        deployment.start(0)
        done = self.check(deployment)
        self.assert_fails(done, 10, "1 of 2 servers cannot serve this plan")
        self.assertIn("other server      not linked", done.stdout)  # server 0 is asked all the same
        self.assertIn("server 1: ", done.stdout)
        self.assertIn("  hint: ", done.stdout)

    def test_both_well_but_strangers(self):
        deployment, other = self.deployment(records=1), self.deployment(records=1)
        deployment.start(0)
        other.start(0)
        other.start(1)
        flags = {"server1": f"127.0.0.1:{other.port(1)}", "cert": deployment.folder / "client-test.crt"}
        done = self.check(deployment, **flags)
        self.assert_fails(done, 10, "server 0 is not linked to the other server")

    def test_exchanged_servers(self):
        deployment = self.deployment(records=1)
        deployment.start_both()
        done = self.check(deployment, server0=f"127.0.0.1:{deployment.port(1)}", server1=f"127.0.0.1:{deployment.port(0)}")
        self.assert_fails(done, 11, "2 of 2 servers")
        self.assertIn('its certificate is for "server1", expected server0', done.stdout)

    def test_another_plan(self):
        deployment, other = self.deployment(records=1), self.deployment(records=1)
        deployment.start_both()
        must("gfscc", MODEL, "-o", other.plan, "--calib", DATA / "fashion_calib.npy", "--exact", "--force", "-q")
        self.assert_fails(self.check(deployment, plan=other.plan), 12, "2 of 2 servers")

    def test_material_used_up(self):
        deployment = self.deployment(records=1)
        deployment.start_both()
        done, _ = deployment.infer("--limit", 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.check(deployment)
        self.assert_fails(done, 13, "no material is left for an inference")
        self.assertEqual(done.stdout.count("is well, but has no material"), 2)


class ConfigFiles(TestCase):
    def write(self, path, flags):
        path.write_text("".join(f"{name} = {value if isinstance(value, int) else chr(34) + str(value) + chr(34)}\n"
                                for name, value in flags.items()))
        return path

    def test_servers_and_client(self):
        deployment = self.deployment(records=0)
        folder = deployment.folder
        must("gfsdeal", deployment.plan, "--config", self.write(folder / "deal.toml", {"n": 4}), "-q")
        # start() gives flags of its own: they win over the file's.
        for party in (0, 1):
            deployment.start(party, config=self.write(folder / f"server{party}.toml", {"max-group": 2, "listen": "nowhere:1"}))
        client = self.write(folder / "client.toml", {
            "plan": deployment.plan, "server0": f"127.0.0.1:{deployment.port(0)}", "server1": f"127.0.0.1:{deployment.port(1)}",
            "ca": folder / "ca.crt", "cert": folder / "client-test.crt", "cert-key": folder / "client-test.key"})
        done = must("gfs-client", "infer", "--config", client, "--input", IMAGES, "--batch", "--limit", 3)
        self.assertIn("3", done.stdout)
        self.assertIn("a request         2 inferences at most", must("gfs-client", "--config", client, "check").stdout)

    def test_mistakes(self):
        deployment = self.deployment(records=0)
        for text, said in (("lissten = 'a:1'\n", "lissten"), ("party = 7\n", "7")):
            with self.subTest(text=text):
                (deployment.folder / "bad.toml").write_text(text)
                self.assert_fails(run("gfsrun", deployment.plan, "--config", deployment.folder / "bad.toml"), 2, said)
        self.assert_fails(run("gfsrun", deployment.plan, "--config", deployment.folder / "absent.toml"), 3, "absent.toml")


if __name__ == "__main__":
    unittest.main()
