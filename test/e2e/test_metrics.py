# SPDX-License-Identifier: Apache-2.0
"""What servers tell who watches them: counters that agree with the client's, health before the link, after it, without material."""
import re
import shutil
import socket
import time
import unittest
import urllib.error
import urllib.request

from deployment import LOGITS, TestCase, must, run, tearDownModule  # noqa: F401


class Watched(TestCase):
    def deal(self, deployment, *sets):
        """Sets of so many records into each server's folder of material, as files that are complete when they appear."""
        for records in sets:
            new = [deployment.folder / f"new{party}" for party in (0, 1)]
            must("gfsdeal", deployment.plan, "-n", records, "--out0", f"{new[0]}/", "--out1", f"{new[1]}/", "-q")
            for party, folder in enumerate(new):
                for file in folder.iterdir():
                    shutil.move(file, deployment.folder / f"material{party}" / file.name)

    def deployment(self, *sets):
        deployment = super().deployment(records=0)
        for folder in ("material0", "material1"):
            (deployment.folder / folder).mkdir()
        self.deal(deployment, *sets)
        return deployment

    def start(self, deployment, party):
        deployment.start(party, metrics="127.0.0.1:0", material=deployment.folder / f"material{party}")

    def address(self, deployment, party):
        """Where the server that was started last says it is."""
        for _ in range(200):
            found = re.findall(r"metrics at http://(\S+)/metrics", (deployment.folder / f"log{party}").read_text())
            if found:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError("no line says where the metrics are")

    def get(self, deployment, party, path):
        try:
            with urllib.request.urlopen(f"http://{self.address(deployment, party)}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self, deployment, party):
        status, text = self.get(deployment, party, "/metrics")
        self.assertEqual(status, 200)
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}

    def await_health(self, deployment, party, expected):
        for _ in range(200):
            health = self.get(deployment, party, "/healthz")
            if health == expected:
                break
            time.sleep(0.05)
        self.assertEqual(health, expected)

    def infer(self, deployment, images, *more):
        done, stats = deployment.infer("--limit", images, "--expected", LOGITS, "--min-agreement", 0.9, *more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return stats

    def test_counters_and_health(self):
        deployment = self.deployment(4, 6)
        self.start(deployment, 0)
        self.await_health(deployment, 0, (503, "not linked to the other server\n"))
        self.start(deployment, 1)
        for party in (0, 1):
            self.await_health(deployment, party, (200, "ok\n"))
        stats = self.infer(deployment, 3)
        self.infer(deployment, 4, "--together", 4)
        self.await_health(deployment, 0, (200, "ok\n"))
        for party in (0, 1):
            with self.subTest(party=party):
                for _ in range(100):
                    seen = self.metrics(deployment, party)
                    if seen["gfs_inferences_answered_total"] == 7 and seen["gfs_clients"] == 0:
                        break
                    time.sleep(0.02)
                self.assertEqual(seen["gfs_inferences_answered_total"], 7)
                self.assertEqual(seen["gfs_material_left"], 3)
                self.assertEqual(sum(value for key, value in seen.items() if key.startswith("gfs_material_set_left{")), 3)
                self.assertEqual((seen["gfs_linked"], seen["gfs_ready"], seen["gfs_requests_open"]), (1, 1, 0))
                # Passes of one, and passes of four as far as a set reached: exchanges count by pass, bytes by inference.
                passes = seen["gfs_pass_online_seconds_count"]
                self.assertIn(passes, (4, 5))
                self.assertEqual(seen["gfs_exchanges_total"], passes * stats["servers"][party]["exchanges"])
                self.assertEqual(seen["gfs_peer_sent_bytes_total"], 7 * stats["servers"][party]["bytes_sent"])
                lifetime = seen["gfs_certificate_expiry_timestamp_seconds"] - time.time()
                self.assertLess(abs(lifetime / 86400 - 90), 1)
                self.assertEqual({key for key, value in seen.items() if "failed" in key and value}, set())
        self.infer(deployment, 3)
        for party in (0, 1):
            self.await_health(deployment, party, (503, "no material is left\n"))
        self.deal(deployment, 2)  # while they run
        for party in (0, 1):
            self.await_health(deployment, party, (200, "ok\n"))
        deployment.kill(1)
        self.await_health(deployment, 0, (503, "not linked to the other server\n"))

    def test_who_says_nothing_blocks_nobody(self):
        deployment = self.deployment(6)
        for party in (0, 1):
            self.start(deployment, party)
        self.await_health(deployment, 0, (200, "ok\n"))
        host, port = self.address(deployment, 0).split(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(60)]
        self.addCleanup(lambda: [connection.close() for connection in silent])
        start = time.monotonic()
        self.assertEqual(self.get(deployment, 0, "/healthz")[0], 200)
        self.assertLess(time.monotonic() - start, 1)
        self.infer(deployment, 3)

    def test_wrong_addresses(self):
        deployment = self.deployment(1)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            for flag, code, text in ((f"127.0.0.1:{taken.getsockname()[1]}", 10, "another program uses this port"),
                                     ("127.0.0.1", 2, "--metrics 127.0.0.1: has no port")):
                done = run("gfsrun", *deployment.server_arguments(0, metrics=flag, material=deployment.folder / "material0"))
                self.assert_fails(done, code, text)

    def test_other_machines_are_warned_of(self):
        deployment = self.deployment(1)
        deployment.start(0, metrics="0.0.0.0:0", material=deployment.folder / "material0")
        self.address(deployment, 0)
        self.assertIn("neither authentication nor encryption", (deployment.folder / "log0").read_text())


if __name__ == "__main__":
    unittest.main()
