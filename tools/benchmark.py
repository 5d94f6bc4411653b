#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures whole inferences and prints the tables of docs/benchmarks.md.

Each network is compiled, dealt for, served by two processes over TLS on loopback and asked by a client, one image
after the other; `gfsrun --local` gives the same without network. Needs a built tree and what tools/install.sh --tests
installs; networks other than our own are taken from the shared folder beside the checkout and skipped without it.

  build/venv/bin/python tools/benchmark.py [network …]
"""
import json
import os
import pathlib
import platform
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test" / "e2e"))
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402

from deployment import BIN, DATA, MODEL, SHARED, Deployment, must, number  # noqa: E402


def fashion():
    images = np.load(DATA / "fashion_test_200.npz")
    return MODEL, images["images"].astype(np.float32), images["labels"], np.load(DATA / "fashion_calib.npy")


def mnist_8():
    from test_shared_models import mnist
    return SHARED / "models" / "mnist-8.onnx", *mnist(200)


def minionn_c():
    from test_shared_models import mnist, normalised
    images, labels, calibration = mnist(200)
    return SHARED / "models" / "minionn_c_mnist.onnx", normalised(images), labels, normalised(calibration)


def resnet20():
    from test_shared_models import cifar
    images, labels = cifar()
    return SHARED / "models" / "resnet20_cifar10.onnx", images[:100], labels[:100], images[100:200]


NETWORKS = {"fashion_cnn": fashion, "mnist-8": mnist_8, "minionn_c_mnist": minionn_c, "resnet20_cifar10": resnet20}


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def measure(name):
    model, images, labels, calibration = NETWORKS[name]()
    session = onnxruntime.InferenceSession(str(model))
    port = session.get_inputs()[0].name
    expected = np.concatenate([session.run(None, {port: image[None]})[0].reshape(1, -1) for image in images])

    deployment = Deployment(records=0)
    try:
        folder = deployment.folder
        for file, array in (("x", images), ("y", labels.astype(np.int64)), ("plain", expected), ("c", calibration)):
            np.save(folder / f"{file}.npy", array)
        checks = ("--labels", folder / "y.npy", "--expected", folder / "plain.npy")
        start = time.time()
        must("gfscc", model, "-o", deployment.plan, "--calib", folder / "c.npy", "-q", "--force", timeout=900)
        compiling = time.time() - start
        cost = json.loads(must("gfs-inspect", deployment.plan, "--json").stdout)
        must("gfsrun", deployment.plan, "--local", "--input", folder / "x.npy", "--batch", *checks, "-q", "--json",
             folder / "local.json", timeout=900)
        local = json.loads((folder / "local.json").read_text())
        start = time.time()
        deployment.deal(len(images))
        dealing = (time.time() - start) / len(images)
        deployment.start_apart()
        done, remote = deployment.infer(*checks, images=folder / "x.npy", timeout=900)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
    finally:
        deployment.close()

    totals = cost["totals"]
    online = [max(number(server["online_ms"]) for server in run["servers"]) for run in (local, remote)]
    return {
        "images": len(images),
        "agreement with ONNX Runtime": f"{100 * remote['agreement']:.1f} %",
        "accuracy, private / plaintext": f"{100 * remote['accuracy']:.1f} / {100 * float((expected.argmax(1) == labels).mean()):.1f} %",
        "ReLUs": f"{totals['relus']:,}",
        "compile, calibration included": f"{compiling:.1f} s",
        "exchanges": totals["exchanges"],
        "online bytes each way": f"{totals['bytes_each_way']:,}",
        "dealt bytes, server 0 / 1": f"{totals['dealt_bytes'][0]:,} / {totals['dealt_bytes'][1]:,}",
        "dealt bytes per ReLU, both": f"{sum(totals['relu_dealt_bytes']) / totals['relus']:.1f}",
        "offline: dealing to files": f"{1000 * dealing:.1f} ms",
        "offline: preparing, per server": f"{max(number(s['prepare_ms']) for s in local['servers']):.1f} ms",
        "online, one process, no network": f"{online[0]:.1f} ms",
        "online, two processes, TLS loopback": f"{online[1]:.1f} ms",
        "request at the client, material from disk": f"{remote['total_ms']['p50']:.1f} ms",
    }


def main():
    names = sys.argv[1:] or [n for n in NETWORKS if n == "fashion_cnn" or (SHARED / "models").is_dir()]
    results = {name: measure(name) for name in names}
    print(f"{cpu()}, {os.cpu_count()} threads, load {os.getloadavg()[0]:.1f}, medians per image\n")
    print("| | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * len(names))
    for row in results[names[0]]:
        print(f"| {row} | " + " | ".join(str(results[name][row]) for name in names) + " |")


if __name__ == "__main__":
    main()
