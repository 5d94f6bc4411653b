#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random networks compile and run in private as ONNX Runtime runs them, or are refused with a reason.

  test/e2e/test_random_networks.py --seeds 1000-1999     # other networks than the tests'; those that fail are kept
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    import onnxruntime

    from random_network import RandomNetwork
except ImportError as missing:
    print(f"SKIPPED: {missing}; tools/install.sh --tests installs it", file=sys.stderr)
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GFS_BIN", ROOT / "build" / "release" / "bin"))
CALIBRATION, TESTS = 24, 6
SEEDS = range(60)
REFUSALS = (5, 6, 7)  # not a valid model, not supported, no ring is wide enough
LEAST_SHARE = 0.9  # of the networks that must compile
PERCENT = 2.0  # of an output's spread: error that is never too much
TIMES = 4  # as large as gfscc measured in calibration


class Wrong(AssertionError):
    pass


def tool(name, *arguments):
    command = [str(argument) for argument in (BIN / name, *arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def choose_options(seed):
    """Options that have code of their own below them."""
    random = np.random.default_rng([seed, 1])
    options = ["--weights=" + random.choice(["shared", "shared", "server", "public"])]
    for probability, option in ((0.2, "--exact"), (0.2, "--network=wan"),
                                (0.15, "--relu-protocol=" + random.choice(["one_hot", "dcf"]))):
        if random.random() < probability:
            options.append(option)
    return options


def describe(seed, network):
    operators = " ".join(node.op_type for node in network.model.graph.node)
    return f"seed {seed}: {operators} | {' '.join(choose_options(seed))}"


def private_outputs(folder, names):
    done = tool("gfsrun", "--local", folder / "plan.bin", "--batch", "--input", folder / "x.npy", "-o", folder / "y.npy", "-q")
    if done.returncode:
        raise Wrong(f"gfsrun ended with {done.returncode}: {done.stderr}")
    return [np.load(folder / ("y.npy" if len(names) == 1 else f"y.{name}.npy")) for name in names]


def compare(name, got, wanted, measured):
    """`measured`: gfscc's own figure, in percent of the spread."""
    if got.size != wanted.size:
        raise Wrong(f"{name}: {got.shape} where ONNX Runtime has {wanted.shape}")
    difference, magnitude = got.ravel() - wanted.ravel(), max(np.abs(wanted).max(), 1e-9)
    error = 100 * np.sqrt(np.mean(difference**2)) / max(wanted.std(), 1e-3 * magnitude)
    worst = 100 * np.abs(difference).max() / magnitude
    if error > max(PERCENT, TIMES * measured) and worst > PERCENT:
        raise Wrong(f"{name}: error {error:.2f} % of the spread, at most {worst:.2f} % of the magnitude, "
                    f"where gfscc measured {measured} %")


def check(seed, folder):
    """Whether the network was compiled; raises Wrong where what it gives is wrong, or what gfscc says of it."""
    network = RandomNetwork(seed)
    if not network.outputs:
        return True
    onnx.save(network.model, str(folder / "model.onnx"))
    samples = network.samples(CALIBRATION + TESTS)
    np.save(folder / "calibration.npy", samples[:CALIBRATION])
    np.save(folder / "x.npy", samples[CALIBRATION:])
    done = tool("gfscc", folder / "model.onnx", "-o", folder / "plan.bin", "--calib", folder / "calibration.npy", "--force",
                *choose_options(seed))
    if done.returncode in REFUSALS:
        if "error: " not in done.stderr:
            raise Wrong(f"{describe(seed, network)}\nrefused without a reason: {done.stderr}")
        return False
    if done.returncode:
        raise Wrong(f"{describe(seed, network)}\ngfscc ended with {done.returncode}: {done.stderr}")
    measured = re.search(r"relative error ([\d.]+) %", done.stdout + done.stderr)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    clear = [session.run(network.outputs, {"x": x[None]}) for x in samples[CALIBRATION:]]
    try:
        for name, got, *wanted in zip(network.outputs, private_outputs(folder, network.outputs), *clear):
            compare(name, got, np.stack(wanted), float(measured[1]) if measured else 0.0)
    except Wrong as reason:
        raise Wrong(f"{describe(seed, network)}\n{reason}") from None
    return True


class RandomNetworks(unittest.TestCase):
    def test_private_results(self):
        compiled = 0
        for seed in SEEDS:
            with self.subTest(seed=seed), tempfile.TemporaryDirectory() as folder:
                compiled += check(seed, pathlib.Path(folder))
        self.assertGreaterEqual(compiled, LEAST_SHARE * len(SEEDS))


def search(seeds):
    """Runs networks of other seeds; returns how many were wrong."""
    wrong = refused = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            try:
                refused += not check(seed, pathlib.Path(folder))
            except (Wrong, subprocess.TimeoutExpired) as reason:
                wrong += 1
                kept = pathlib.Path(tempfile.mkdtemp(prefix=f"gfs-network-{seed}-"))
                pathlib.Path(folder).rename(kept / "files")
                pathlib.Path(folder).mkdir()
                print(f"{reason}\n  kept in {kept}/files", flush=True)
    print(f"{len(seeds)} networks: {refused} refused, {wrong} wrong")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", metavar="FIRST-LAST", help="search among these instead of running the test")
    arguments, others = parser.parse_known_args()
    if arguments.seeds:
        first, last = map(int, arguments.seeds.split("-"))
        sys.exit(search(range(first, last + 1)) > 0)
    unittest.main(argv=[sys.argv[0], *others])
