#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles networks for a LAN and for a WAN, runs each plan under both conditions, and prints predicted beside measured.

Two server processes over TLS on loopback imitate the network (gfsrun --throttle); the machine is calibrated first.
Online time is that of the slower server, median over images. Needs what tools/benchmark.py needs.

  build/venv/bin/python tools/benchmark_networks.py [network …]
"""
import json
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import numpy as np  # noqa: E402

from benchmark import NETWORKS, cpu  # noqa: E402
from deployment import SHARED, Deployment, must, number  # noqa: E402

CONDITIONS = ("lan", "wan")
DEFAULT = ("fashion_cnn", "mnist-8", "resnet20_cifar10")
IMAGES = {"lan": 40, "wan": 8}


def compile_for(model, calibration, condition, machine, plan):
    report = plan.parent / "report.json"
    must("gfscc", model, "-o", plan, "--calib", calibration, "--network", condition, "--machine", machine, "-q", "--force",
         "--report", report, timeout=900)
    return json.loads(report.read_text())["explain"]


def measure(deployment, condition, images):
    count = min(IMAGES[condition], len(images))
    np.save(deployment.folder / "x.npy", images[:count])
    deployment.deal(count)
    for party in (0, 1):
        (deployment.folder / f"port{party}").unlink(missing_ok=True)
    deployment.start_apart(throttle=condition)
    done, stats = deployment.infer(images=deployment.folder / "x.npy", timeout=900)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    for party in (0, 1):
        deployment.kill(party)
    return max(number(server["online_ms"]) for server in stats["servers"])


def signs(explain):
    """"19 dcf" """
    used = [layer["protocol"] for layer in explain["layers"] if layer["protocol"]]
    return ", ".join(f"{used.count(protocol)} {protocol}" for protocol in sorted(set(used)))


def rows(name, machine):
    model, images, _, calibration = NETWORKS[name]()
    for compiled_for in CONDITIONS:
        deployment = Deployment(records=0)
        try:
            np.save(deployment.folder / "c.npy", calibration)
            explain = compile_for(model, deployment.folder / "c.npy", compiled_for, machine, deployment.plan)
            measured = {condition: measure(deployment, condition, images) for condition in CONDITIONS}
        finally:
            deployment.close()
        predicted = explain["total"]["predicted_ms"]
        error = 100 * (predicted / measured[compiled_for] - 1)
        yield [name, compiled_for, signs(explain), explain["total"]["exchanges"], f"{explain['total']['dealt_bytes']:,}",
               f"{predicted:.2f} ms", f"{measured[compiled_for]:.2f} ms", f"{error:+.0f} %",
               " / ".join(f"{measured[condition]:.2f} ms" for condition in CONDITIONS)]


def main():
    names = sys.argv[1:] or [n for n in DEFAULT if n == "fashion_cnn" or (SHARED / "models").is_dir()]
    with tempfile.TemporaryDirectory() as folder:
        machine = pathlib.Path(folder) / "machine.json"
        must("gfs-bench", "--calibrate", "-o", machine)
        print(f"{cpu()}, {os.cpu_count()} threads, load {os.getloadavg()[0]:.1f}\n")
        print("| network | compiled for | signs by | exchanges | dealt bytes | predicted | measured | error | on lan / wan |")
        print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
        for name in names:
            for row in rows(name, machine):
                print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    main()
