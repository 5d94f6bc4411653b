#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's network and writes everything the demo and the tests need of it.

A residual CNN of 33,000 weights on Fashion-MNIST (MIT licence, Debian package dataset-fashion-mnist). Pixels enter
as 0..255: the first batch normalisation does the scaling, so the compiler has to fold it. Writes

  test/models/fashion_cnn.onnx             opset 13, symbolic batch, batch normalisations left unfolded
  test/data/fashion_test_200.npz           images (uint8, first 200 of the test set) and labels
  test/data/fashion_test_200_logits.npy    ONNX Runtime's float32 logits for them
  test/data/fashion_calib.npy              128 images of the *training* set, for calibration

Needs torch, onnx, onnxruntime and numpy; about six minutes on two cores. Neither the build nor the tests run it:
its outputs are in the repository.
"""
import argparse
import gzip
import pathlib
import time

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATASET = pathlib.Path("/usr/share/datasets/fashion-mnist")


def load_images(name):
    """[n, 1, 28, 28] uint8 from an IDX file, whose header is 16 bytes."""
    return np.frombuffer(gzip.open(DATASET / name).read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)


def load_labels(name):
    return np.frombuffer(gzip.open(DATASET / name).read(), np.uint8, offset=8).astype(np.int64)


class ConvNorm(nn.Module):
    """3x3 convolution without bias, then batch normalisation."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.norm(self.conv(x))


class FashionCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.BatchNorm2d(1)
        self.stem = ConvNorm(1, 16)
        self.wide = ConvNorm(16, 32)
        self.residual = ConvNorm(32, 32)
        self.deep = ConvNorm(32, 64)
        self.classify = nn.Linear(64, 10)

    def forward(self, x):
        x = self.scale(x)
        x = F.max_pool2d(F.relu(self.stem(x)), 2)
        x = F.relu(self.wide(x))
        x = F.relu(x + self.residual(x))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.deep(x))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.classify(x)


def augment(batch, generator):
    """Flips half of the images and shifts all by up to one pixel: garments have no side."""
    flip = torch.rand(len(batch), generator=generator) < 0.5
    batch = torch.where(flip[:, None, None, None], batch.flip(3), batch)
    dy, dx = (int(torch.randint(0, 3, (1,), generator=generator)) for _ in range(2))
    return F.pad(batch, (1, 1, 1, 1))[:, :, dy : dy + 28, dx : dx + 28]


def train(images, labels, epochs, seed):
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(seed)
    model = FashionCnn().to(memory_format=torch.channels_last)
    batch_size = 250
    steps = epochs * len(images) // batch_size
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    for epoch in range(epochs):
        start, total = time.time(), 0.0
        order = torch.randperm(len(images), generator=generator)
        for i in range(0, len(images), batch_size):
            pick = order[i : i + batch_size]
            x = augment(images[pick].float(), generator).contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(model(x), labels[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(pick)
        print(f"epoch {epoch + 1}/{epochs}: loss {total / len(images):.4f}, {time.time() - start:.0f} s", flush=True)
    return model.eval().to(memory_format=torch.contiguous_format)


def export(model, path):
    """PRESERVE keeps the batch normalisations apart from the convolutions; EVAL would fold them."""
    torch.onnx.export(
        model,
        (torch.zeros(1, 1, 28, 28),),
        str(path),
        opset_version=13,
        training=torch.onnx.TrainingMode.PRESERVE,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        do_constant_folding=False,
        dynamo=False,
    )
    exported = onnx.load(str(path))
    exported.graph.name = "fashion_cnn"
    onnx.checker.check_model(exported)
    onnx.save(exported, str(path))


def main():
    parser = argparse.ArgumentParser(description="train the demo's network and write its model and data files")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "test", help="folder with models/ and data/")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    (args.out / "models").mkdir(parents=True, exist_ok=True)
    (args.out / "data").mkdir(parents=True, exist_ok=True)

    images, labels = load_images("train-images-idx3-ubyte.gz"), load_labels("train-labels-idx1-ubyte.gz")
    model = train(torch.from_numpy(images.copy()), torch.from_numpy(labels), args.epochs, args.seed)
    model_path = args.out / "models" / "fashion_cnn.onnx"
    export(model, model_path)

    test_images, test_labels = load_images("t10k-images-idx3-ubyte.gz"), load_labels("t10k-labels-idx1-ubyte.gz")
    session = onnxruntime.InferenceSession(str(model_path), providers=["CPUExecutionProvider"])
    logits = np.concatenate(
        [session.run(None, {"image": part.astype(np.float32)})[0] for part in np.split(test_images, 20)]
    )
    accuracy = float((logits.argmax(1) == test_labels).mean())
    print(f"test accuracy {accuracy:.2%} on {len(test_labels)} images, model {model_path.stat().st_size} bytes")

    data = args.out / "data"
    np.savez_compressed(data / "fashion_test_200.npz", images=test_images[:200], labels=test_labels[:200].astype(np.uint8))
    np.save(data / "fashion_test_200_logits.npy", logits[:200])
    np.save(data / "fashion_calib.npy", images[:128])
    first = float((logits[:200].argmax(1) == test_labels[:200]).mean())
    print(f"accuracy on the 200 images of the demo {first:.2%}")
    if accuracy < 0.90:
        raise SystemExit("test accuracy is below 90 %: train for more epochs")


if __name__ == "__main__":
    main()
