# SPDX-License-Identifier: Apache-2.0
"""Servers that take material from folders: dealt or delivered into them while they run, used once, removed, through kill -9."""
import re
import shutil
import signal
import subprocess
import time
import unittest

from deployment import BIN, LOGITS, TestCase, must, run, tearDownModule  # noqa: F401


class Place:
    """Helpers about servers with a folder of material each."""

    def folders(self, deployment):
        return [deployment.folder / f"material{party}" for party in (0, 1)]

    def deal(self, deployment, records):
        """One more set into both folders, as files that are complete when they appear."""
        new = [deployment.folder / f"new{party}" for party in (0, 1)]
        for folder in (*new, *self.folders(deployment)):
            folder.mkdir(exist_ok=True)
        must("gfsdeal", deployment.plan, "-n", records, "--out0", new[0], "--out1", new[1], "-q")
        for folder, place in zip(new, self.folders(deployment)):
            for file in folder.iterdir():
                shutil.move(file, place / file.name)

    def start(self, deployment, party):
        deployment.start(party, material=self.folders(deployment)[party], low_material=3)

    def files(self, deployment, party):
        return sorted(self.folders(deployment)[party].glob("*.material"))

    def left(self, deployment):
        """Inferences that the servers say they have material for."""
        arguments = deployment.client_arguments()
        done = run("gfs-client", "check", *arguments[1:arguments.index("--input")])
        return [int(count) for count in re.findall(r"material left +(\d+) inferences?", done.stdout)]

    def infer(self, deployment, images):
        done, stats = deployment.infer("--limit", images, "--expected", LOGITS, "--min-agreement", 0.9)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return stats


class Folders(Place, TestCase):
    def test_from_set_to_set(self):
        deployment = self.deployment(records=0)
        self.deal(deployment, 2)
        self.deal(deployment, 2)
        for party in (0, 1):
            self.start(deployment, party)
        self.infer(deployment, 3)
        self.deal(deployment, 4)  # while they run
        for _ in range(200):  # they look once a second
            if self.left(deployment) == [5, 5]:
                break
            time.sleep(0.05)
        self.infer(deployment, 5)
        for party in (0, 1):
            with self.subTest(party=party):
                log = (deployment.folder / f"log{party}").read_text()
                self.assertIn("is used up; removed", log)
                self.assertIn("more inferences (deal a new set", log)
        self.assert_fails(deployment.infer("--limit", 1)[0], 13, "the servers have material for 0 of 1 requests")

    def test_kill_between_sets(self):
        deployment = self.deployment(records=0)
        for records in (1, 1, 40):
            self.deal(deployment, records)
        for party in (0, 1):
            self.start(deployment, party)
        self.infer(deployment, 2)
        for party in (0, 1):
            deployment.kill(party)
        for party in (0, 1):
            self.start(deployment, party)
        self.infer(deployment, 2)
        # What is left of the sets is the same file at both, and its ledger says what was used.
        for party in (0, 1):
            for file in self.files(deployment, party):
                self.assertIn("records left", run("gfs-inspect", file).stdout)

    def test_a_copy_brought_back_is_known(self):
        deployment = self.deployment(records=0)
        self.deal(deployment, 1)
        kept = [shutil.copy(self.files(deployment, party)[0], deployment.folder / f"kept{party}") for party in (0, 1)]
        self.deal(deployment, 40)
        for party in (0, 1):
            self.start(deployment, party)
        self.infer(deployment, 3)
        for party in (0, 1):
            deployment.kill(party)
        for party in (0, 1):
            shutil.copy(kept[party], self.folders(deployment)[party] / "a-restored.material")
            self.start(deployment, party)
        self.infer(deployment, 1)
        for party in (0, 1):
            self.assertIn("a-restored.material: 0 inferences", (deployment.folder / f"log{party}").read_text())

    def test_folders_are_made(self):
        deployment = self.deployment(records=0)
        folders = [f"{deployment.folder / 'a' / str(party)}/" for party in (0, 1)]
        must("gfsdeal", deployment.plan, "-n", 1, "--out0", folders[0], "--out1", folders[1], "-q")
        for party in (0, 1):
            self.assertEqual(len(list((deployment.folder / "a" / str(party)).glob(f"*.s{party}.material"))), 1)
        done = run("gfsdeal", deployment.plan, "-n", 1, "--out0", f"{deployment.plan}/", "--out1", folders[1])
        self.assert_fails(done, 4, "plan.bin/: cannot be made")

    def test_resume_needs_files(self):
        deployment = self.deployment(records=0)
        done = run("gfsdeal", deployment.plan, "-n", 3, "--out0", deployment.folder, "--resume")
        self.assert_fails(done, 2, "--resume needs a file")


class Delivery(Place, TestCase):
    """gfsdeal --to0 --to1: sets come over the network, into folders that are empty at first."""

    def serving(self):
        deployment = self.deployment(records=0)
        for party in (0, 1):
            self.folders(deployment)[party].mkdir()
            self.start(deployment, party)
        return deployment

    def dealer(self, deployment, *more):
        """A gfsdeal that stays."""
        log = open(deployment.folder / "dealer.log", "a")
        self.addCleanup(log.close)
        arguments = map(str, deployment.delivery_arguments(*more))
        dealer = subprocess.Popen([BIN / "gfsdeal", *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deployment.processes["dealer"] = dealer
        return dealer

    def await_left(self, deployment, enough):
        for _ in range(400):
            left = self.left(deployment)
            if len(left) == 2 and enough(min(left)):
                return
            time.sleep(0.05)
        self.fail(f"{left} left; {(deployment.folder / 'dealer.log').read_text()}")

    def test_once(self):
        deployment = self.serving()
        self.assert_fails(run("gfs-client", *deployment.client_arguments("--limit", 1)), 13, "material")
        done = must("gfsdeal", *deployment.delivery_arguments("-n", 3))
        self.assertIn("delivered 3 records", done.stdout)
        self.assertEqual(done.stdout.count("3 inferences left"), 2)
        self.infer(deployment, 3)
        self.assert_fails(run("gfsdeal", *deployment.delivery_arguments("-n", 3, "--out0", "x")), 2, "for files", "choose one")
        self.assert_fails(run("gfsdeal", deployment.plan, "-n", 1, "--to0", "localhost:1"), 2, "--to0 and --to1 belong together")
        self.assert_fails(run("gfsdeal", deployment.plan, "-n", 1, "--keep", 4), 2, "--keep needs --to0 and --to1")
        arguments = [str(a).replace("dealer.", "client-test.") for a in deployment.delivery_arguments("-n", 3)]
        self.assert_fails(run("gfsdeal", *arguments), 11, "need one for dealer")

    def test_keep(self):
        deployment = self.serving()
        dealer = self.dealer(deployment, "-n", 4, "--keep", 3, "--every", 1)
        for _ in range(3):
            self.await_left(deployment, lambda left: left >= 3)
            self.infer(deployment, 3)
        self.await_left(deployment, lambda left: left >= 3)
        deployment.kill(1)  # the dealer goes on when it is back
        self.start(deployment, 1)
        self.await_left(deployment, lambda left: left >= 3)
        self.infer(deployment, 3)
        self.await_left(deployment, lambda left: left >= 3)
        dealer.send_signal(signal.SIGTERM)
        self.assertEqual(dealer.wait(timeout=30), 0)
        log = (deployment.folder / "dealer.log").read_text()
        self.assertGreaterEqual(log.count("delivered material for 4 inferences"), 4, log)
        self.assertLessEqual(max(self.left(deployment)), 7, log)

    def test_kill_in_the_middle(self):
        deployment = self.serving()
        parts = lambda party: list(self.folders(deployment)[party].glob("*.part"))
        for victim in ("dealer", 1):
            with self.subTest(victim=victim):
                self.dealer(deployment, "-n", 2000)  # takes seconds
                for _ in range(400):
                    if parts(0) and parts(1):
                        break
                    time.sleep(0.05)
                self.assertTrue(parts(0) and parts(1))
                deployment.kill(victim)
                if victim == 1:
                    self.assertEqual(len(parts(1)), 1)
                    self.assertNotEqual(deployment.processes.pop("dealer").wait(timeout=30), 0)
                    self.start(deployment, 1)
                for _ in range(400):
                    if not parts(0) and not parts(1):
                        break
                    time.sleep(0.05)
                self.assertEqual(parts(0) + parts(1), [])
        must("gfsdeal", *deployment.delivery_arguments("-n", 2, "-q"))
        self.infer(deployment, 2)


if __name__ == "__main__":
    unittest.main()
