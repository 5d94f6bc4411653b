#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Serving figures of a network: two gfsrun processes over TLS loopback, one client with one or many inferences a request, many
requests in flight at once, and ONNX Runtime in plaintext on the same cores in the same run. Every inference uses fresh material from disk.
Before the figures each size of request runs once, so that the servers have the memory they need; sizes then take turns.

    tools/bench_serving.py NETWORK [--images N] [--together B ...] [--rounds R] [--in-flight F] [--threads T] [--json FILE]

NETWORK is one of tools/benchmark.py's. GFS_BIN names the folder of the tools (default build/release/bin)."""
import argparse
import json
import os
import pathlib
import time

import numpy as np
import onnxruntime

from benchmark import NETWORKS
from deployment import Deployment, must, number


def plaintext(model, images):
    """Outputs by image, and the median milliseconds of one inference with as many threads as there are cores."""
    session = onnxruntime.InferenceSession(str(model))
    port = session.get_inputs()[0].name
    outputs, times = [], []
    for image in images:
        start = time.perf_counter()
        outputs.append(session.run(None, {port: image[None]})[0])
        times.append(1e3 * (time.perf_counter() - start))
    return np.concatenate([output.reshape(1, -1) for output in outputs]), float(np.median(times))


def server_cpu_ms(deployment):
    """Processor milliseconds of both servers since their start: unlike times, hardly changed by what else the machine does."""
    ticks = 0
    for process in deployment.processes.values():
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # user, system
    return 1e3 * ticks / os.sysconf("SC_CLK_TCK")


def one_client(deployment, images, expected, together):
    """A client that sends all images, `together` to a request. Checks every answer against the plaintext's class."""
    np.save(deployment.folder / "x.npy", images)
    np.save(deployment.folder / "e.npy", expected)
    before = server_cpu_ms(deployment)
    least = 0.9 if len(images) >= 32 else 0  # one of few may lie between two classes
    done, stats = deployment.infer("--expected", deployment.folder / "e.npy", "--min-agreement", least, "--together", together,
                                   "--timeout-ms", 120000, images=deployment.folder / "x.npy", timeout=900)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    cpu = (server_cpu_ms(deployment) - before) / len(images)
    requests = -(-len(images) // together)
    # Every inference of a request reports the time of the whole request.
    seconds = 1e-3 * stats["total_ms"]["mean"] * requests
    return {"total_ms": stats["total_ms"], "cpu_ms": cpu, "online_ms": max(number(s["online_ms"]) for s in stats["servers"]),
            "exchanges": max(number(s["exchanges"]) for s in stats["servers"]), "images_per_s": len(images) / seconds}


def middle(rounds):
    """The round with the median images/s, and how far the others are from it."""
    rounds = sorted(rounds, key=lambda one: one["images_per_s"])
    chosen = dict(rounds[len(rounds) // 2])
    chosen["images_per_s_range"] = [rounds[0]["images_per_s"], rounds[-1]["images_per_s"]]
    chosen["cpu_ms"] = float(np.median([one["cpu_ms"] for one in rounds]))
    return chosen


def in_flight(deployment, images, requests):
    """One client process with so many requests at the same time, one image in each, until all images are through: images/s, and
    the servers' processor time. Connecting is not counted."""
    np.save(deployment.folder / "x.npy", images)
    before = server_cpu_ms(deployment)
    done, stats = deployment.infer("-q", "--in-flight", requests, "--timeout-ms", 120000, images=deployment.folder / "x.npy", timeout=900)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return {"images_per_s": stats["inferences_per_s"], "cpu_ms": (server_cpu_ms(deployment) - before) / len(images),
            "total_ms": stats["total_ms"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--together", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--threads", type=int, default=max(1, len(os.sched_getaffinity(0)) // 2), help="of each server, which share the machine")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()

    model, images, _, calibration = NETWORKS[options.network]()
    images = images[:options.images]
    expected, plain = plaintext(model, images)
    deployment = Deployment(records=0)
    try:
        np.save(deployment.folder / "c.npy", calibration)
        must("gfscc", model, "-o", deployment.plan, "--calib", deployment.folder / "c.npy", "-q", "--force", timeout=900)
        sizes = [1, *options.together]
        paces = sorted({1, options.in_flight})
        records = sum(sizes) + options.rounds * (len(sizes) + len(paces)) * len(images)
        start = time.perf_counter()
        deployment.deal(records)
        dealing = 1e3 * (time.perf_counter() - start) / records
        material = sum(path.stat().st_size for path in deployment.folder.glob("*.material")) / records
        for party in (0, 1):
            deployment.start(party, threads=options.threads)
        for size in sizes:
            one_client(deployment, images[:size], expected[:size], size)
        rounds = {size: [] for size in sizes}
        flights = {pace: [] for pace in paces}
        for _ in range(options.rounds):
            for size in sizes:
                rounds[size].append(one_client(deployment, images, expected, size))
            for pace in paces:
                flights[pace].append(in_flight(deployment, images, pace))
        result = {
            "model": options.network, "images": len(images), "load": os.getloadavg()[0], "plaintext_ms": plain,
            "dealing_ms": dealing, "material_bytes": material,
            "together": {size: middle(rounds[size]) for size in sizes},
            "in_flight": {pace: middle(flights[pace]) for pace in paces},
        }
    finally:
        deployment.close()
        Deployment.forget()

    print(f"{result['model']}, {len(images)} images, median of {options.rounds} rounds, load {result['load']:.1f}")
    rows = [("plaintext, ONNX Runtime", f"{plain:.2f} ms"),
            ("dealing to files, per image", f"{dealing:.1f} ms, {material / 1e6 / dealing * 1e3:.0f} MB/s")]
    single = result["together"][1]
    for size, run in result["together"].items():
        slowest, fastest = run["images_per_s_range"]
        rows += [
            (f"{size} a request: client p50 / p90 / p99", " / ".join(f"{run['total_ms'][p]:.1f}" for p in ("p50", "p90", "p99")) + " ms"),
            (f"{size} a request: online p50, exchanges", f"{run['online_ms']:.1f} ms, {run['exchanges']:.0f}"),
            (f"{size} a request: images/s (slowest to fastest round)",
             f"{run['images_per_s']:.1f} ({slowest:.1f} to {fastest:.1f}), {run['images_per_s'] / single['images_per_s']:.1f} times one a request"),
            (f"{size} a request: processor time of both servers per image", f"{run['cpu_ms']:.1f} ms"),
        ]
    alone = result["in_flight"][1]
    for pace, run in result["in_flight"].items():
        slowest, fastest = run["images_per_s_range"]
        rows.append((f"{pace} in flight: images/s (slowest to fastest round), processor time of both servers per image",
                     f"{run['images_per_s']:.1f} ({slowest:.1f} to {fastest:.1f}), "
                     f"{run['images_per_s'] / alone['images_per_s']:.1f} times one; {run['cpu_ms']:.1f} ms"))
    for name, value in rows:
        print(f"| {name} | {value} |")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
