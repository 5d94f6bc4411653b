# SPDX-License-Identifier: Apache-2.0
"""What is installed works alone: programs, manuals, completions, service, examples."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
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
        # The dealer's example, as far as it goes without a second machine.
        shutil.copy(self.examples() / "dealer.toml", self.folder)
        for place in ("to-server0", "to-server1"):
            (self.folder / place).mkdir()
        self.must("gfsdeal", "--config", "dealer.toml", "-n", 2, "-q")
        self.assertEqual(len(list(self.folder.glob("to-server?/*.material"))), 2)

    def test_example_settings_are_flags(self):
        """Each example gets as far as to its first file: every name in it is a flag."""
        for name, program, more in (("server0", "gfsrun", ["--cert-key", "k", "--key", "k"]), ("client", "gfs-client", ["check"]),
                                    ("server1", "gfsrun", ["--cert-key", "k", "--key", "k"])):
            with self.subTest(example=name):
                arguments = [*more, "--config", self.examples() / f"{name}.toml"] if program == "gfsrun" else \
                    ["--config", self.examples() / f"{name}.toml", *more]
                done = call(self.bin / program, *arguments, cwd=self.folder / "prefix")
                self.assertEqual(done.returncode, 3, done.stderr)

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

    def test_service(self):
        unit = self.prefix / "lib/systemd/system/gfsrun@.service"
        self.assertIn("u gfs ", (self.prefix / "lib/sysusers.d/gfs.conf").read_text())
        text = unit.read_text()
        for flag in re.findall(r"--[a-z-]+", re.search(r"^ExecStart=.*$", text, re.MULTILINE).group(0)):
            self.assertIn(flag, self.must("gfsrun", "--help").stdout)
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is missing")
        placed = self.folder / "gfsrun@server0.service"
        placed.write_text(text.replace("ExecStart=gfsrun", f"ExecStart={self.bin / 'gfsrun'}"))
        done = call("systemd-analyze", "verify", "--man=no", placed)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_documents(self):
        for name in ("README.md", "SECURITY.md", "LICENSE", "docs/threat-model.md", "docs/exit-codes.md"):
            self.assertTrue((self.prefix / "share/doc/gfs-runtime" / name).exists(), name)
        for package in ("compiler", "runtime", "bench"):
            self.assertIn("Apache License", (self.prefix / f"share/doc/gfs-{package}/copyright").read_text())


if __name__ == "__main__":
    unittest.main()
