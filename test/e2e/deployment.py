# SPDX-License-Identifier: Apache-2.0
"""A deployment on loopback for tests: compiled plan, certificates, material, two server processes, clients."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GFS_BIN", ROOT / "build" / "release" / "bin"))
SHARED = pathlib.Path(os.environ.get("GFS_SHARED", ROOT.parent / "shared"))
DATA = ROOT / "test" / "data"
MODEL = ROOT / "test" / "models" / "fashion_cnn.onnx"
IMAGES = f"{DATA / 'fashion_test_200.npz'}:images"
LABELS = f"{DATA / 'fashion_test_200.npz'}:labels"
LOGITS = DATA / "fashion_test_200_logits.npy"


def run(tool, *arguments, timeout=300):
    """Runs a tool to its end; returns the CompletedProcess with text output."""
    return subprocess.run([BIN / tool, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)


def must(tool, *arguments, timeout=300):
    """run(), which has to succeed."""
    done = run(tool, *arguments, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"{tool} {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Deployment:
    """All files of one model in a folder of their own. `compile_model` and `certify` are done once, then copied."""

    _cache = None

    def __init__(self, records=20):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gfs-e2e-"))
        self.processes = {}
        for source in self._prepared().iterdir():
            shutil.copy2(source, self.folder)
        self.plan = self.folder / "plan.bin"
        if records:
            self.deal(records)

    @classmethod
    def _prepared(cls):
        if cls._cache is None:
            cls._cache = pathlib.Path(tempfile.mkdtemp(prefix="gfs-e2e-base-"))
            must("gfscc", MODEL, "-o", cls._cache / "plan.bin", "--calib", DATA / "fashion_calib.npy", "-q")
            ca = cls._cache
            must("gfs-ca", "init", "-q", ca)
            for role in ("server0", "server1"):
                must("gfs-ca", "issue", "-q", ca, "--role", role, "--host", "127.0.0.1", "localhost")
            for role in ("client:test", "dealer"):
                must("gfs-ca", "issue", "-q", ca, "--role", role)
        return cls._cache

    @classmethod
    def forget(cls):
        if cls._cache is not None:
            shutil.rmtree(cls._cache, ignore_errors=True)
            cls._cache = None

    def deal(self, records):
        must("gfsdeal", self.plan, "-n", records, "--force", "-q")

    def server_arguments(self, party, listen="127.0.0.1:0", **flags):
        arguments = [self.plan, "--party", party, "--listen", listen, "--ca", self.folder / "ca.crt",
                     "--cert", self.folder / f"server{party}.crt", "--cert-key", self.folder / f"server{party}.key",
                     "--timeout-ms", 20000, "--log-level", "debug", "--port-file", self.folder / f"port{party}"]
        for name, value in flags.items():
            arguments += [f"--{name.replace('_', '-')}", value]
        return arguments

    def start(self, party, processor=None, **flags):
        """Starts a server, on one processor if that is given, and waits until it listens; a restarted one takes its old port."""
        port_file = self.folder / f"port{party}"
        if port_file.exists():
            flags.setdefault("listen", f"127.0.0.1:{port_file.read_text().strip()}")
            port_file.unlink()
        if party == 1:
            flags.setdefault("peer", f"127.0.0.1:{self.port(0)}")
        with open(self.folder / f"log{party}", "a") as log:
            self.processes[party] = subprocess.Popen([BIN / "gfsrun", *map(str, self.server_arguments(party, **flags))],
                                                     stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            if processor is not None:
                os.sched_setaffinity(self.processes[party].pid, {processor})
        for _ in range(600):
            if port_file.exists() and port_file.read_text().strip():
                return
            if self.processes[party].poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"server {party} did not start:\n{(self.folder / f'log{party}').read_text()}")

    def start_both(self):
        self.start(0)
        self.start(1)

    def start_apart(self, **flags):
        """Both, with one thread and, where there are two, one processor each: as on machines of their own, and as predicted."""
        for party in (0, 1):
            self.start(party, processor=party % os.cpu_count(), threads=1, **flags)

    def delivery_arguments(self, *more):
        """Of a dealer that brings material to both running servers."""
        return [self.plan, "--to0", f"127.0.0.1:{self.port(0)}", "--to1", f"127.0.0.1:{self.port(1)}",
                "--ca", self.folder / "ca.crt", "--cert", self.folder / "dealer.crt", "--cert-key", self.folder / "dealer.key", *more]

    def port(self, party):
        return (self.folder / f"port{party}").read_text().strip()

    def kill(self, party):
        process = self.processes.pop(party)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def client_arguments(self, *more, images=IMAGES):
        return ["infer", "--plan", self.plan, "--server0", f"127.0.0.1:{self.port(0)}", "--server1", f"127.0.0.1:{self.port(1)}",
                "--ca", self.folder / "ca.crt", "--cert", self.folder / "client-test.crt",
                "--cert-key", self.folder / "client-test.key", "--input", images, "--batch", *more]

    def infer(self, *more, images=IMAGES, timeout=120):
        """Runs the client; returns (CompletedProcess, statistics or None)."""
        stats = self.folder / "stats.json"
        stats.unlink(missing_ok=True)
        done = run("gfs-client", *self.client_arguments("--json", stats, *more, images=images), timeout=timeout)
        return done, json.loads(stats.read_text()) if done.returncode == 0 and stats.exists() else None

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def number(value):
    """A statistic that is a plain number or has percentiles."""
    return value["p50"] if isinstance(value, dict) else value


class TestCase(unittest.TestCase):
    def deployment(self, **options):
        deployment = Deployment(**options)
        self.addCleanup(deployment.close)
        return deployment

    def assert_fails(self, done, code, *texts):
        """The tool ended with this code and named place and cause; it did not crash."""
        self.assertEqual(done.returncode, code, f"expected exit {code}, got {done.returncode}\n{done.stdout}{done.stderr}")
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertIn("error:", done.stderr)
        self.assertIn("hint:", done.stderr)


def tearDownModule():
    Deployment.forget()
