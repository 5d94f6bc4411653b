#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which of these models run privately, how exactly, and at what cost? Every .onnx file is checked, compiled, and run privately in one
process on inputs that calibration did not see; the answers are compared with ONNX Runtime's. Prints a table.

    tools/survey.py MODEL_OR_FOLDER ... [--inputs X.npy] [--size N] [--images N] [--range LOW HIGH] [--seconds S] [--json FILE]

Without --inputs (for models of one input, [samples, ...] as the model expects them, preprocessed), inputs are drawn with the spectrum of
photographs, from LOW to HIGH (default 0 to 1): a network that was trained on something else may see nothing it knows, so its errors
say less than those on data of its own. Extents that a model leaves open become 1 for the batch, 3 for channels and --size for others.

Columns: error, root mean square relative to the answers' standard deviation, all outputs together; agreement, the share of rows
of the first output (of maps: of pixels) whose largest element is the same; ring in bits; exchanges; bytes each server sends; dealt bytes of both; median
milliseconds online, without a network.

Needs ONNX Runtime (tools/install.sh --tests). GFS_BIN names the folder of the tools (default build/release/bin)."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("GFS_BIN", ROOT / "build" / "release" / "bin"))
CALIBRATION = 24
FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


class Left(Exception):
    """Why a model is not run."""


def run(tool, *arguments, seconds):
    try:
        return subprocess.run([BIN / tool, *map(str, arguments)], capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Left(f"{tool} took more than {seconds} s") from None


def reason(done):
    """The first line of an error, without the program's name and the file's."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and not line.startswith("[")]
    errors = [line for line in lines if "error:" in line] or lines or [f"exit {done.returncode}"]
    return re.sub(r"^.*?error: (\S+\.onnx: )?", "", errors[0])


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options)
    except Exception as error:  # its exceptions have no common base
        raise Left("ONNX Runtime cannot load it: " + str(error).split("\n")[0]) from None


def shape_of(port, size):
    """Positive extents: open ones become 1, 3 or `size`."""
    known = [extent if isinstance(extent, int) and extent > 0 else None for extent in port.shape]
    last = len(known) == 4 and known[1] is None and known[3] in (1, 3, 4)  # channels last
    usual = [1] + [size if last or axis > 1 or len(known) < 3 else 3 for axis in range(1, len(known))]
    return [usual[axis] if extent is None else extent for axis, extent in enumerate(known)]


def draw(chance, shape, low, high):
    """One input with power 1/f along the axes that are longer than 4, channels alike in part."""
    long = [axis for axis, extent in enumerate(shape) if extent > 4]

    def field(extents):
        spectrum = np.fft.fftn(chance.standard_normal(extents))
        frequency = np.sqrt(sum(np.square(part) for part in np.meshgrid(*(np.fft.fftfreq(n) * n for n in extents), indexing="ij")))
        return np.real(np.fft.ifftn(spectrum / np.maximum(frequency, 1)))

    common = [extent if axis in long else 1 for axis, extent in enumerate(shape)]
    values = field(common) + 0.5 * np.concatenate([field(common) for _ in range(int(np.prod(shape)) // int(np.prod(common)))]).reshape(shape)
    values = (values - values.min()) / max(np.ptp(values), 1e-9)
    return low + (high - low) * values


def inputs_of(ports, arguments):
    """By port, arrays [samples, ...] without the model's batch axis of 1."""
    for port in ports:
        if port.type not in FLOATS or not port.shape:
            raise Left(f"input {port.name} is no tensor of floats")
    shapes = {port.name: shape_of(port, arguments.size) for port in ports}
    if arguments.inputs is not None:
        if len(ports) != 1:
            raise Left("--inputs is for models of one input")
        return shapes, {ports[0].name: np.load(arguments.inputs)}
    chance = np.random.default_rng(7)
    count = CALIBRATION + arguments.images
    return shapes, {name: np.stack([draw(chance, shape[1:] if shape[0] == 1 and len(shape) > 1 else shape, *arguments.range) for _ in range(count)])
                    .astype(np.float32) for name, shape in shapes.items()}


def expected_of(model, ports, shapes, samples):
    """By output, the plaintext's answers [samples, ...]."""
    answers = []
    for i in range(len(samples[ports[0].name])):
        feed = {port.name: samples[port.name][i].reshape(shapes[port.name]).astype(FLOATS[port.type]) for port in ports}
        answers.append([np.asarray(answer, dtype=np.float64) for answer in model.run(None, feed)])
    return {output.name: np.stack([answer[k] for answer in answers]) for k, output in enumerate(model.get_outputs())}


def winners(values):
    """Of each row along the last axis; of maps [samples, 1, channels, ...], of each position."""
    return values.argmax(2 if values.ndim > 4 else -1)


def read_outputs(folder, expected):
    """What gfsrun wrote, y.npy or a file for each output, in the shapes of what is expected."""
    names = list(expected)
    if len(names) == 1:
        return {names[0]: np.load(folder / "y.npy").reshape(expected[names[0]].shape)}
    files = {name: folder / f"y.{re.sub(r'[^A-Za-z0-9_-]', '_', name)}.npy" for name in names}
    if len(set(files.values())) < len(names):
        raise Left("its outputs cannot be told apart by their files")
    return {name: np.load(file).reshape(expected[name].shape) for name, file in files.items()}


def size_text(count):
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def measure(path, folder, arguments):
    model = session(path)
    ports = model.get_inputs()
    shapes, samples = inputs_of(ports, arguments)
    flags = [f"--shape={port.name}={'x'.join(map(str, shapes[port.name]))}" for port in ports]
    done = run("gfscc", "--check", path, *flags, seconds=60)
    if done.returncode != 0:
        lines = done.stdout.splitlines()
        first = next((lines[i + 1].strip() for i, line in enumerate(lines[:-1]) if line.startswith("refused:")), None)
        raise Left(first or reason(done))
    judged = {name: values[-arguments.images:] for name, values in samples.items()}
    calibration = {name: values[:-arguments.images] for name, values in samples.items()}
    expected = expected_of(model, ports, shapes, judged)
    if len(ports) == 1:
        np.save(folder / "calib.npy", calibration[ports[0].name])
    else:
        np.savez(folder / "calib.npz", **calibration)
    files = []
    for i, port in enumerate(ports):
        np.save(folder / f"x{i}.npy", judged[port.name])
        files.append(f"{port.name}={folder / f'x{i}.npy'}" if len(ports) > 1 else folder / "x0.npy")
    start = time.monotonic()
    done = run("gfscc", path, "-o", folder / "plan.bin", "--calib", folder / ("calib.npy" if len(ports) == 1 else "calib.npz"), *flags,
               seconds=arguments.seconds)
    compile_seconds = time.monotonic() - start
    if done.returncode != 0:
        raise Left("not compiled: " + reason(done))
    text = done.stdout + done.stderr
    done = run("gfsrun", folder / "plan.bin", "--local", "--batch", "--input", *files, "-o", folder / "y.npy", "--json", folder / "run.json", "-q",
               seconds=arguments.seconds)
    if done.returncode != 0:
        raise Left("not run: " + reason(done))
    stats = json.loads((folder / "run.json").read_text())
    got = read_outputs(folder, expected)
    errors = np.concatenate([(got[name] - expected[name]).ravel() for name in expected])
    spread = np.concatenate([(expected[name] - expected[name].mean()).ravel() for name in expected])
    first = next(iter(expected))
    return {"error": float(np.sqrt(np.mean(errors ** 2)) / max(np.sqrt(np.mean(spread ** 2)), 1e-12)),
            "agreement": float(np.mean(winners(got[first]) == winners(expected[first]))),
            "ring": int(re.search(r"ring of (\d+) bits", text).group(1)), "exchanges": stats["servers"][0]["exchanges"],
            "bytes_sent": stats["servers"][0]["bytes_sent"], "dealt_bytes": sum(server["dealt_bytes"] for server in stats["servers"]),
            "online_ms": stats["servers"][0]["online_ms"]["p50"], "compile_s": compile_seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--inputs", type=pathlib.Path, help="inputs of the models' kind, [samples, ...]")
    parser.add_argument("--size", type=int, default=224, help="open heights and widths (default 224)")
    parser.add_argument("--images", type=int, default=8, help="inputs that are judged (default 8)")
    parser.add_argument("--range", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"))
    parser.add_argument("--seconds", type=float, default=900, help="given up after so long a compilation or run (default 900)")
    parser.add_argument("--json", type=pathlib.Path, help="write the results")
    arguments = parser.parse_args()
    paths = [file for model in arguments.models for file in (sorted(model.rglob("*.onnx")) if model.is_dir() else [model])]
    if not paths:
        raise SystemExit("survey.py: no .onnx file there")
    print("| model | error | agreement | ring | exchanges | bytes each way | dealt bytes | online |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    results = []
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            try:
                it = measure(path, pathlib.Path(folder), arguments)
                print(f"| {path.name} | {100 * it['error']:.2f} % | {100 * it['agreement']:.0f} % | {it['ring']} | {it['exchanges']} | {size_text(it['bytes_sent'])} "
                      f"| {size_text(it['dealt_bytes'])} | {it['online_ms']:.1f} ms |", flush=True)
            except Left as why:
                it = {"left": str(why)}
                print(f"| {path.name} | {str(why)[:120]} | | | | | | |", flush=True)
        results.append({"model": str(path), **it})
    ran = [it for it in results if "error" in it]
    print(f"\n{len(ran)} of {len(results)} models ran privately")
    if arguments.json:
        arguments.json.write_text(json.dumps({"schema": 1, "models": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
