#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the ONNX files of test/architectures: ten architectures, both PyTorch exporters, two opsets each.

Each network starts with random weights and is trained for a minute: far from its best, but its classes are apart and
its activations and batch statistics are those of a real network, so that agreement means something. All weights are
rounded to bfloat16, which halves what the repository has to store.

Needs torch, onnx, onnxscript, onnxruntime, numpy and Debian's dataset-fashion-mnist; about ten minutes on one core.
Neither the build nor the tests run it: its outputs are in the repository.

  models/NAME-EXPORTER-OPSET.onnx   the lower opset of each exporter has a symbolic batch, the higher batch 1
  models/NAME.npz                   `output`: ONNX Runtime's float32 answers for the test images, pixel maps for the first 16
  images.npz                        `test`, `calibration`: uint8 [n, 3, 32, 32]; `labels`: classes of the test images
  manifest.json                     what is what
"""
import argparse
import json
import logging
import pathlib
import tempfile
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

import images
from networks import NETWORKS

HERE = pathlib.Path(__file__).resolve().parent
TEST_IMAGES, CALIBRATION_IMAGES, TRAIN_IMAGES, PIXEL_MAPS = 100, 100, 12000, 16
STEPS, BATCH, RATE = 1500, 64, 5e-3
INPUT, OUTPUT = "image", "scores"


def export_torchscript(network, example, path, opset, symbolic):
    """The older exporter. With the older opset its graph is left as traced: batch normalisations stay on their own."""
    options = {} if not symbolic else {
        "dynamic_axes": {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
        "training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    torch.onnx.export(network, (example,), path, dynamo=False, opset_version=opset, input_names=[INPUT],
                      output_names=[OUTPUT], **options)


def export_dynamo(network, example, path, opset, symbolic):
    """The newer exporter."""
    options = {"dynamic_shapes": {"x": {0: torch.export.Dim("batch")}}} if symbolic else {}
    example = example.repeat(2, 1, 1, 1) if symbolic else example  # a batch of one is taken for a constant
    torch.onnx.export(network, (example,), path, dynamo=True, opset_version=opset, input_names=[INPUT],
                      output_names=[OUTPUT], external_data=False, verbose=False, **options)


# exporter, function, opset, symbolic batch
EXPORTS = (("torchscript", export_torchscript, 11, True), ("torchscript", export_torchscript, 17, False),
           ("dynamo", export_dynamo, 18, True), ("dynamo", export_dynamo, 20, False))


def train(network, inputs, labels):
    """Adam with one cycle of the rate; then the batch normalisations take plain averages of the last weights."""
    generator = torch.Generator().manual_seed(7)
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, STEPS)
    network.train()
    for _ in range(STEPS):
        chosen = torch.randint(0, len(inputs), (BATCH,), generator=generator)
        loss = nn.functional.cross_entropy(network(inputs[chosen]), labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        for batch in inputs[:1000].split(50):
            network(batch)
    network.eval()


def round_to_bfloat16(network):
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(tensor.bfloat16().float())


def strip(path):
    """Drops what exporters say about the machine they ran on: stack traces, file names, doc strings."""
    model = onnx.load(path)
    model.producer_version = torch.__version__.split("+")[0]
    for field in ("metadata_props", "doc_string"):
        model.ClearField(field)
        model.graph.ClearField(field)
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output,
                 *model.graph.initializer, *model.functions):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return model


def run_onnx(path, inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: image[None]})[0] for image in inputs])


def agreement(first, second):
    """Share of equal winners along the class axis."""
    return float((first.argmax(1) == second.argmax(1)).mean())


def make(name, index, data):
    """Builds and exports one network; returns its entry of the manifest."""
    torch.manual_seed(1000 + index)
    network = NETWORKS[name]()
    feed = images.normalise if network.takes == "normalised" else lambda pixels: pixels.astype(np.float32)
    train_pixels, train_labels, train_pixel_labels = data["train"]
    train_truth = train_labels if network.task == "class" else train_pixel_labels
    train(network, torch.from_numpy(feed(train_pixels)), torch.from_numpy(train_truth))
    round_to_bfloat16(network)
    test_pixels, labels, pixel_labels = data["test"]
    count = TEST_IMAGES if network.task == "class" else PIXEL_MAPS
    test = feed(test_pixels[:count])
    with torch.no_grad():
        output = network(torch.from_numpy(test)).numpy()
    truth = labels if network.task == "class" else pixel_labels[:count]
    accuracy = float((output.argmax(1) == truth).mean())

    files = []
    for exporter, export, opset, symbolic in EXPORTS:
        path = HERE / "models" / f"{name}-{exporter}-{opset}.onnx"
        with tempfile.TemporaryDirectory() as folder:
            raw = pathlib.Path(folder) / "model.onnx"
            export(network, torch.from_numpy(test[:1]), str(raw), opset, symbolic)
            model = strip(raw)
            path.write_bytes(raw.read_bytes())
        answer = run_onnx(path, test)
        spread = float(np.abs(answer - output).max() / np.abs(output).max())
        if spread > 1e-4 or agreement(answer, output) < 1:
            raise SystemExit(f"{path.name}: ONNX Runtime differs from PyTorch by {spread:.2g} of the largest output")
        version = next(domain.version for domain in model.opset_import if domain.domain == "")
        files.append({"file": f"models/{path.name}", "exporter": exporter, "opset": version, "symbolic_batch": symbolic,
                      "operators": sorted({node.op_type for node in model.graph.node})})
    np.savez_compressed(HERE / "models" / f"{name}.npz", output=run_onnx(path, test))
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(f"{name}: {weights} weights, accuracy {accuracy:.3f}, {[p.stat().st_size for p in sorted((HERE / 'models').glob(name + '-*'))]}")
    return {"name": name, "task": network.task, "input": network.takes, "test_images": count, "weights": weights, "accuracy": round(accuracy, 4),
            "expected": f"models/{name}.npz", "files": files}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these networks; the manifest keeps the others' entries")
    names = parser.parse_args().names or list(NETWORKS)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    data = {"train": images.make("train", TRAIN_IMAGES, 1), "test": images.make("t10k", TEST_IMAGES, 2)}
    calibration = data["train"][0][:CALIBRATION_IMAGES]
    np.savez_compressed(HERE / "images.npz", test=data["test"][0], labels=data["test"][1], calibration=calibration)
    (HERE / "models").mkdir(exist_ok=True)
    manifest_path = HERE / "manifest.json"
    entries = {entry["name"]: entry for entry in json.loads(manifest_path.read_text())["networks"]} if manifest_path.exists() else {}
    for index, name in enumerate(NETWORKS):
        if name in names:
            entries[name] = make(name, index, data)
    manifest = {"images": "images.npz", "torch": torch.__version__.split("+")[0],
                "networks": [entries[name] for name in NETWORKS if name in entries]}
    manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
