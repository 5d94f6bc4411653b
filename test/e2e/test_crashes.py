# SPDX-License-Identifier: Apache-2.0
"""kill -9 of either server at random moments: no serial of material is used twice, no wrong answer is returned.

GFS_E2E_KILLS sets how often (default 12; the acceptance run is 100)."""
import os
import random
import re
import signal
import subprocess
import time
import unittest

import numpy as np

from deployment import BIN, IMAGES, LOGITS, TestCase, must, tearDownModule  # noqa: F401

THROTTLE = "rtt=2,bw=1000"  # inferences that take long enough to be interrupted
KILLS = int(os.environ.get("GFS_E2E_KILLS", "12"))


class Crashes(TestCase):
    def test_killed_servers(self):
        seed = int(os.environ.get("GFS_E2E_SEED", str(random.SystemRandom().randrange(1 << 32))))
        print(f"seed {seed} (GFS_E2E_SEED repeats it), {KILLS} kills")
        chance = random.Random(seed)
        deployment = self.deployment(records=KILLS * 40 + 50)
        deployment.start_both()
        expected = np.load(LOGITS)
        answers = failures = 0
        for kill in range(KILLS):
            output = deployment.folder / "answers.npy"
            output.unlink(missing_ok=True)
            client = subprocess.Popen(
                [BIN / "gfs-client", *map(str, deployment.client_arguments("--limit", 12, "--output", output, "--timeout-ms", 15000,
                                                                           "--connect-ms", 3000, "--retry-s", 0))],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.0, 0.6))
            party = chance.randrange(2)
            deployment.kill(party)
            _, errors = client.communicate(timeout=60)
            if client.returncode == 0:
                answers += self.check(output, expected)
            else:
                failures += 1
                self.assertIn(client.returncode, (1, 10, 13), errors)
                self.assertIn("error:", errors)
            deployment.start(party)
            answers += self.recover(deployment, expected)
        claimed = [self.serials(deployment, party) for party in (0, 1)]
        print(f"{answers} right answers, {failures} clear errors, {[len(serials) for serials in claimed]} serials claimed")
        self.assertGreater(answers, KILLS, "inferences go on after crashes")
        for serials in claimed:
            self.assertGreater(len(serials), KILLS)
            self.assertEqual(serials, sorted(set(serials)), "a serial was claimed twice, or a cursor moved back")

    def begin(self, deployment, *more):
        """A client with 60 images, once it has some of the answers."""
        output = deployment.folder / "answers.npy"
        client = subprocess.Popen(
            [BIN / "gfs-client", *map(str, deployment.client_arguments("--limit", 60, "--output", output, *more))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        for _ in range(600):
            if len(self.serials(deployment, 0)) > 5:
                break
            time.sleep(0.02)
        return client, output

    def slow_deployment(self):
        deployment = self.deployment(records=150)
        for party in (0, 1):
            deployment.start(party, throttle=THROTTLE)
        return deployment

    def test_a_client_outlives_a_restart(self):
        for party in (0, 1):
            with self.subTest(party=party):
                deployment = self.slow_deployment()
                client, output = self.begin(deployment)
                deployment.kill(party)
                deployment.start(party, throttle=THROTTLE)
                _, errors = client.communicate(timeout=120)
                self.assertEqual(client.returncode, 0, errors)
                self.assertIn("trying again for 60 s", errors)
                self.assertEqual(self.check(output, np.load(LOGITS)), 60)

    def test_answers_of_a_run_that_fails_are_kept(self):
        deployment = self.slow_deployment()
        client, output = self.begin(deployment, "--retry-s", 0)
        deployment.kill(1)
        _, errors = client.communicate(timeout=120)
        self.assertEqual(client.returncode, 10, errors)
        done = int(re.search(r"error: after (\d+) of 60 inferences: ", errors)[1])
        self.assertIn("answers.npy holds the answers", errors)
        self.keeps(output, done)

    def test_an_interrupted_client_keeps_its_answers(self):
        deployment = self.slow_deployment()
        client, output = self.begin(deployment)
        client.send_signal(signal.SIGINT)
        _, errors = client.communicate(timeout=120)
        self.assertEqual(client.returncode, 1, errors)
        done = int(re.search(r"error: after (\d+) of 60 inferences: interrupted", errors)[1])
        self.keeps(output, done)

    def keeps(self, output, done):
        """The first `done` rows are right, the others missing."""
        self.assertTrue(0 < done < 60, done)
        got = np.load(output).reshape(60, -1)
        self.assertLess(float(np.abs(got[:done] - np.load(LOGITS)[:done]).max()), 2.0)
        self.assertTrue(np.isnan(got[done:]).all())

    def recover(self, deployment, expected):
        """The next inference succeeds once the servers have found each other again."""
        output = deployment.folder / "answers.npy"
        errors = ""
        for _ in range(20):
            output.unlink(missing_ok=True)
            done, _ = deployment.infer("--limit", 2, "--output", output, "--connect-ms", 5000)
            if done.returncode == 0:
                return self.check(output, expected)
            errors = done.stderr
            time.sleep(0.2)
        logs = "".join((deployment.folder / f"log{party}").read_text()[-1500:] for party in (0, 1))
        self.fail(f"no inference after a restart:\n{errors}\n{logs}")

    def check(self, output, expected):
        got = np.load(output).reshape(-1, expected.shape[1])
        # A wrong share would give a value anywhere in the ring; the fixed-point error is far below this.
        self.assertLess(float(np.abs(got - expected[:len(got)]).max()), 2.0, "a wrong answer was returned")
        return len(got)

    @staticmethod
    def serials(deployment, party):
        """Serials the server claimed, in the order of its log, over all its lives."""
        return [int(n) for n in re.findall(r"claimed serial (\d+)", (deployment.folder / f"log{party}").read_text())]


class Interrupts(TestCase):
    """Ctrl-C: what was done is kept or can be continued, and nothing half is taken for whole."""

    def interrupt(self, when, tool, *arguments, environment=None):
        """Starts the tool, and interrupts it once when() is true."""
        process = subprocess.Popen([BIN / tool, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        for _ in range(1500):
            if when() or process.poll() is not None:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 1, errors)
        self.assertIn("error:", errors)
        return errors

    def test_a_local_run_keeps_its_answers(self):
        deployment = self.deployment(records=0)
        output = deployment.folder / "answers.npy"
        begun = time.time()
        errors = self.interrupt(lambda: time.time() > begun + 2, "gfsrun", deployment.plan, "--local", "--input", IMAGES, "--batch",
                                "--throttle", THROTTLE, "-o", output)
        done = int(re.search(r"error: after (\d+) of 200 inferences: interrupted", errors)[1])
        self.assertIn("answers.npy holds the answers", errors)
        got = np.load(output).reshape(200, -1)
        self.assertGreater(done, 0)
        self.assertLess(float(np.abs(got[:done] - np.load(LOGITS)[:done]).max()), 2.0)
        self.assertTrue(np.isnan(got[done:]).all())

    def test_a_set_in_folders_has_its_name_when_it_is_complete(self):
        deployment = self.deployment(records=0)
        folders = [deployment.folder / f"to-server{party}" for party in (0, 1)]
        outputs = [argument for party in (0, 1) for argument in (f"--out{party}", f"{folders[party]}/")]
        size = lambda folder: sum(path.stat().st_size for path in folder.glob("*")) if folder.exists() else 0  # noqa: E731
        errors = self.interrupt(lambda: size(folders[1]) > 10_000_000, "gfsdeal", deployment.plan, "-n", 300, "--threads", 1, *outputs)
        self.assertRegex(errors, r"error: interrupted after \d+ of 300 records")
        parts = [next(folder.iterdir()) for folder in folders]
        self.assertTrue(all(part.name.endswith(".material.part") for part in parts), parts)
        self.assertIn(f"--resume --out0 {parts[0]} --out1 {parts[1]}", errors)
        done = must("gfsdeal", deployment.plan, "-n", 300, "--resume", "--out0", parts[0], "--out1", parts[1])
        self.assertRegex(done.stdout, r"kept [1-9]")
        for folder, part in zip(folders, parts):
            self.assertEqual([path.name for path in folder.iterdir()], [part.name[:-len(".part")]])

    def test_a_benchmark_leaves_no_material(self):
        deployment = self.deployment(records=0)
        place = deployment.folder / "tmp"
        place.mkdir()
        self.interrupt(lambda: list(place.glob("gfs-*/s1.material")), "gfs-bench", "network", deployment.plan, "--transport", "plain",
                       "-n", 500, environment={"TMPDIR": str(place)})
        self.assertEqual(list(place.iterdir()), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
