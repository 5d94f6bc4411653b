#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How test/models/mnist_vit.onnx was made: a small vision transformer, trained on the 10,000 images of MNIST's test set so that the
training set is free to judge by. 25 epochs take five minutes on two cores. Needs torch, onnx and numpy.

  test/models/train_mnist_vit.py t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz mnist_vit.onnx
"""
import gzip
import sys

import numpy as np
import torch
from torch import nn

WIDTH, HEADS, BLOCKS, PATCH = 64, 4, 4, 4
EPOCHS, BATCH, RATE = 25, 100, 2e-3


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, tokens, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, WIDTH))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.a, self.n2 = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
        self.m = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x):
        x = x + self.a(self.n1(x))
        return x + self.m(self.n2(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Conv2d(1, WIDTH, PATCH, PATCH)
        self.cls = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos = nn.Parameter(torch.randn(1, (28 // PATCH) ** 2 + 1, WIDTH) * 0.02)
        self.b = nn.Sequential(*[Block() for _ in range(BLOCKS)])
        self.n, self.f = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, x):
        tokens = self.e(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(x.shape[0], -1, -1), tokens], 1) + self.pos
        return self.f(self.n(self.b(tokens))[:, 0])


def main(images, labels, output):
    torch.manual_seed(1)
    x = np.frombuffer(gzip.open(images).read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    x = torch.tensor((x / 255 - 0.1307) / 0.3081, dtype=torch.float32)
    y = torch.tensor(np.frombuffer(gzip.open(labels).read(), np.uint8, offset=8).astype(np.int64))
    net = Transformer()
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=EPOCHS * len(x) // BATCH)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(x))
        for i in range(0, len(x), BATCH):
            chosen = order[i:i + BATCH]
            moved = torch.roll(x[chosen], tuple(torch.randint(-2, 3, (2,)).tolist()), (2, 3))
            loss = nn.functional.cross_entropy(net(moved), y[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {float(loss.detach()):.3f}", flush=True)
    torch.onnx.export(net.eval(), (x[:1],), output, opset_version=17, dynamo=False, input_names=["image"],
                      output_names=["logits"], dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}})


if __name__ == "__main__":
    main(*sys.argv[1:])
