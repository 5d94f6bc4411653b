#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs ONNX's conformance cases privately and compares them with their expected outputs.

For each case in scope (see cases.py): gfscc compiles the model with --exact --tolerance 0.002 (sign windows, the
default, may take values near zero for either sign), calibrated on the case's input and shuffled copies of it, and
gfsrun --local runs both servers' part on real shares with fresh material. An output is right if every element is within
TOLERANCE of the largest expected magnitude. Exit code 0 if every case passes but the expected failures in
expectations.toml, and those fail; 1 otherwise; 77 if something to run with is missing.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass

try:
    import numpy as np
    import onnx

    import cases
    import expectations
    import report
except ImportError as missing:
    print(f"SKIPPED: {missing}; tools/install.sh --tests installs it")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GFS_BIN", ROOT / "build" / "release" / "bin"))
TOLERANCE, FLOOR = 0.01, 1e-3
SEARCH_TOLERANCE = 0.002  # root mean square, so that the largest of many elements stays within TOLERANCE
SHUFFLED_COPIES = 3
SECONDS_PER_TOOL = 120


@dataclass
class Result:
    """What became of a case. `stage`: "passed", or the step that failed ("compile", "run", "compare", "time")."""

    case: cases.Case
    stage: str
    detail: str = ""
    error: float = 0.0  # largest difference, relative to the tolerance's scale

    @property
    def passed(self):
        return self.stage == "passed"


class Failed(Exception):
    def __init__(self, stage, detail):
        super().__init__(detail)
        self.stage = stage


def run_tool(stage, tool, *arguments):
    try:
        done = subprocess.run([BIN / tool, *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=SECONDS_PER_TOOL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    except subprocess.TimeoutExpired as late:
        raise Failed("time", f"{tool} took more than {SECONDS_PER_TOOL} s") from late
    if done.returncode != 0:
        raise Failed(stage, f"exit {done.returncode}: " + " ".join(done.stderr.split()))


def write_calibration(path, inputs):
    """The inputs themselves and copies with shuffled elements, along a new leading axis, by input name."""
    generator = np.random.default_rng(3)
    samples = {}
    for name, array in inputs.items():
        copies = [generator.permutation(array.reshape(-1)).reshape(array.shape) for _ in range(SHUFFLED_COPIES)]
        samples[name] = np.stack([array, *copies])
    np.savez(path, **samples)


def read_outputs(folder, names):
    """What gfsrun wrote: y.npy, or y.NAME.npy for each of several outputs."""
    if len(names) == 1:
        return [np.load(folder / "y.npy")]
    return [np.load(folder / ("y." + "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name) + ".npy"))
            for name in names]


def compare(outputs, expected):
    """The largest error over tolerance; raises Failed if there is one above 1."""
    worst = 0.0
    for name, answer in zip(expected, outputs):
        wanted = expected[name].astype(np.float64)
        if answer.size != wanted.size:
            raise Failed("compare", f"output {name} has shape {answer.shape} instead of {wanted.shape}")
        differences = np.abs(answer.astype(np.float64).reshape(wanted.shape) - wanted)
        integer = expected[name].dtype.kind in "iu"
        bound = 1.0 if expected[name].dtype.itemsize == 1 else 0.0 if integer else max(TOLERANCE * np.abs(wanted).max(), FLOOR)
        largest = float(differences.max())
        if not largest <= bound:
            raise Failed("compare", f"output {name} differs by {largest:.3g}, allowed {bound:.3g}")
        worst = max(worst, largest / bound if bound else 0.0)
    return worst


def run_case(case):
    """Compiles, runs and compares one case in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="gfs-conformance-") as name:
        folder = pathlib.Path(name)
        onnx.save(case.model, str(folder / "model.onnx"))
        write_calibration(folder / "calibration.npz", case.inputs)
        inputs = []
        for index, (port, array) in enumerate(case.inputs.items()):
            np.save(folder / f"x{index}.npy", array)
            inputs += ["--input", f"{port}={folder / f'x{index}.npy'}"]
        try:
            run_tool("compile", "gfscc", folder / "model.onnx", "-o", folder / "plan.bin", "--calib",
                     folder / "calibration.npz", "--exact", "--tolerance", SEARCH_TOLERANCE, "-q")
            run_tool("run", "gfsrun", folder / "plan.bin", "--local", *inputs, "--output", folder / "y.npy", "-q")
            return Result(case, "passed", error=compare(read_outputs(folder, list(case.outputs)), case.outputs))
        except Failed as failure:
            return Result(case, failure.stage, str(failure).replace(str(folder) + "/", ""))


def run_all(chosen, jobs):
    """Results in the order of the cases; the work is in the tools, so threads do."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = []
        for result in pool.map(run_case, chosen):
            results.append(result)
            if sys.stderr.isatty():
                print(f"\rconformance: {len(results)} of {len(chosen)}", end="", file=sys.stderr)
    return results


def surprises(results, table):
    """Lines about failures that were not expected and passes that were."""
    lines = []
    for result in results:
        reason = table.xfail.get(result.case.name)
        if result.passed and reason:
            lines.append(f"{result.case.name}: passes; remove it from expectations.toml ({reason})")
        elif not result.passed and not reason:
            lines.append(f"{result.case.name}: {result.stage}: {result.detail}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="cases whose name contains TEXT")
    parser.add_argument("--jobs", type=int, default=2, help="cases at the same time")
    parser.add_argument("--write-docs", action="store_true", help="write docs/conformance.md")
    parser.add_argument("--details", metavar="FILE", help="write every result with its message")
    options = parser.parse_args()
    data = cases.find_data()
    for missing, what in ((data is None, "libonnx-testdata"), (not (BIN / "gfscc").exists(), f"{BIN}/gfscc")):
        if missing:
            print(f"SKIPPED: no {what}")
            sys.exit(77)

    table = expectations.load()
    found = cases.all_cases(data)
    for case in found:
        case.skipped = case.skipped or table.skip.get(case.name, "")
    chosen = [case for case in found if not case.skipped and (not options.only or any(t in case.name for t in options.only))]
    results = run_all(chosen, options.jobs)

    if options.details:
        pathlib.Path(options.details).write_text(report.details(results))
    unexpected = surprises(results, table)
    if options.write_docs and not options.only:
        page = report.page(results, [case for case in found if case.skipped], table, TOLERANCE)
        (ROOT / "docs" / "conformance.md").write_text(page)
    print("\n".join(unexpected))
    passed = sum(result.passed for result in results)
    print(f"conformance: {passed} of {len(results)} cases pass, {len(results) - passed} fail, {len(unexpected)} surprises")
    sys.exit(1 if unexpected else 0)


if __name__ == "__main__":
    main()
