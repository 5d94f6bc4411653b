# SPDX-License-Identifier: Apache-2.0
"""What is installed works alone: programs, manuals, completions, service, examples."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from deployment import DATA, IMAGES, LABELS, MODEL, ROOT

BUILD = pathlib.Path(os.environ.get("GFS_BUILD", ROOT / "build" / "release"))
# Nothing of the build: no search path of its libraries, no tools of it.
CLEAN = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def call(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                          **{"env": CLEAN, **options})


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="gfs-install-"))
        cls.prefix = cls.folder / "prefix"
        cls.bin = cls.prefix / "bin"
        done = call("cmake", "--install", BUILD, "--prefix", cls.prefix, env=os.environ)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def must(self, program, *arguments, **options):
        done = call(self.bin / program, *arguments, cwd=self.folder, **options)
        self.assertEqual(done.returncode, 0, f"{program}: {done.stdout}{done.stderr}")
        return done

    def programs(self):
        return sorted(path.name for path in self.bin.iterdir())

    def examples(self):
        return self.prefix / "share/doc/gfs-runtime/examples"

    def test_programs(self):
        self.assertLessEqual({"gfscc", "gfs-opt", "gfs-inspect", "gfs-debug", "gfs-spline", "gfsdeal", "gfsrun", "gfs-client", "gfs-ca"},
                             set(self.programs()))
        for program in self.programs():
            with self.subTest(program=program):
                self.assertIn("ersion" if program == "gfs-opt" else program, self.must(program, "--version").stdout)

    def test_compiles_and_runs(self):
        self.must("gfscc", MODEL, "-o", "plan.bin", "--calib", DATA / "fashion_calib.npy", "-q")
        self.must("gfsrun", "plan.bin", "--local", "--input", IMAGES, "--batch", "--limit", 5, "--labels", LABELS, "--min-accuracy", 0.6)

    def settings(self, name, place, ports, changes=()):
        """The example settings of a role, in the folders and with the ports of this test."""
        text = (self.examples() / f"{name}.toml").read_text()
        for known, ours in (("/etc/gfs", str(place / "etc")), ("0.0.0.0:7000", f"127.0.0.1:{ports[name == 'server1']}"),
                            ("a.example.org:7000", f"127.0.0.1:{ports[0]}"), ("b.example.org:7000", f"127.0.0.1:{ports[1]}"),
                            ("127.0.0.1:9100", "127.0.0.1:0"), *changes):
            text = text.replace(known, ours)
        (place / "etc" / f"{name}.toml").write_text(text)

    def start(self, program, name, place, plan_key):
        """A service as its unit starts it, in the folder that the example settings mean."""
        etc, state = place / "etc", place / f"state-{name}"
        (state / "material").mkdir(parents=True)
        for file in ("plan.bin", "plan.weights"):
            shutil.copy(place / file, state)
        log = open(place / f"log-{name}", "w", encoding="utf-8")
        service = subprocess.Popen([self.bin / program, "--config", etc / f"{name}.toml", "--key", place / plan_key,
                                    "--cert-key", etc / f"{name}.key"], cwd=state, env=CLEAN, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def stop():
            service.terminate()
            self.assertEqual(service.wait(20), 0)
            log.close()
        self.addCleanup(stop)

    def test_example_settings(self):
        """The examples, with other ports and folders, are a deployment that works."""
        place = self.folder / "deployment"
        place.mkdir()
        self.must("gfscc", MODEL, "-o", place / "plan.bin", "--calib", DATA / "fashion_calib.npy", "-q")
        self.must("gfs-ca", "init", "-q", place / "etc")
        for role in ("server0", "server1", "dealer", "client:ward7"):
            self.must("gfs-ca", "issue", "-q", place / "etc", "--role", role, "--host", "127.0.0.1")
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            second.bind(("127.0.0.1", 0))
            ports = [first.getsockname()[1], second.getsockname()[1]]
        for party in (0, 1):
            self.settings(f"server{party}", place, ports)
            self.start("gfsrun", f"server{party}", place, f"plan.s{party}.key")
        self.settings("dealer", place, ports, [("n = 1000", "n = 3"), ("keep = 5000", "keep = 2")])
        self.start("gfsdeal", "dealer", place, "plan.dealer.key")
        self.settings("client", place, ports, [("plan.bin", "../plan.bin")])
        for _ in range(200):
            check = call(self.bin / "gfs-client", "check", "--config", "client.toml", cwd=place / "etc")
            if check.returncode == 0:
                break
            time.sleep(0.1)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.assertEqual(check.stdout.count("material left     3 inferences"), 2)

    def test_manuals(self):
        manuals = self.prefix / "share/man/man1"
        if not manuals.exists():
            self.skipTest("the build has no manuals (GFS_BUILD_MANUALS)")
        for program in self.programs():
            page = manuals / f"{program}.1"
            text = page.read_text()
            with self.subTest(program=program):
                for heading in (".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", '.SH "EXIT STATUS"'):
                    self.assertIn(heading, text)
                if shutil.which("groff"):
                    done = call("groff", "-man", "-Tutf8", "-ww", "-z", page)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("\\-\\-metrics", (manuals / "gfsrun.1").read_text())
        self.assertIn("\\-\\-together", (manuals / "gfs-client.1").read_text(), "options of subcommands")

    def complete(self, *words):
        """What bash offers for the last word."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _"${1//-/_}"; printf "%s\\n" "${COMPREPLY[@]}"')
        done = call("bash", "-c", script, "bash", self.prefix / "share/bash-completion/completions" / words[0], *words, cwd=self.prefix)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_completions(self):
        if not (self.prefix / "share/bash-completion").exists():
            self.skipTest("the build has no manuals (GFS_BUILD_MANUALS)")
        self.assertEqual(self.complete("gfsrun", "--metr"), ["--metrics"])
        self.assertEqual(self.complete("gfscc", "--weights", "s"), ["shared", "server"])
        self.assertIn("infer", self.complete("gfs-client", "in"))
        self.assertEqual(self.complete("gfs-client", "infer", "--toge"), ["--together"])
        self.assertEqual(self.complete("gfs-client", "check", "--toge"), [])
        self.assertEqual(self.complete("gfsrun", "--config", "sha"), ["share"])

    def test_services(self):
        self.assertIn("u gfs ", (self.prefix / "lib/sysusers.d/gfs.conf").read_text())
        for program, instance in (("gfsrun", "server0"), ("gfsdeal", "dealer")):
            with self.subTest(program=program):
                text = (self.prefix / f"lib/systemd/system/{program}@.service").read_text()
                for flag in re.findall(r"--[a-z-]+", re.search(r"^ExecStart=.*$", text, re.MULTILINE).group(0)):
                    self.assertIn(flag, self.must(program, "--help").stdout)
                if not shutil.which("systemd-analyze"):
                    self.skipTest("systemd-analyze is missing")
                placed = self.folder / f"{program}@{instance}.service"
                placed.write_text(text.replace(f"ExecStart={program}", f"ExecStart={self.bin / program}"))
                done = call("systemd-analyze", "verify", "--man=no", placed)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_documents(self):
        for name in ("README.md", "SECURITY.md", "LICENSE", "docs/threat-model.md", "docs/exit-codes.md"):
            self.assertTrue((self.prefix / "share/doc/gfs-runtime" / name).exists(), name)
        for package in ("compiler", "runtime", "bench"):
            self.assertIn("Apache License", (self.prefix / f"share/doc/gfs-{package}/copyright").read_text())


if __name__ == "__main__":
    unittest.main()
