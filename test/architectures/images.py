# SPDX-License-Identifier: Apache-2.0
"""Photo-like 3x32x32 images with classes and pixel classes, made of Fashion-MNIST's garments.

A garment (28x28 grey, MIT licence, Debian package dataset-fashion-mnist) is tinted and laid over a background of a
colour gradient and a soft texture, so that neither channel nor pixel is redundant and the statistics (smooth areas,
edges, strong correlation of neighbours) are those of photographs rather than of noise.
"""
import gzip
import pathlib

import numpy as np

DATASET = pathlib.Path("/usr/share/datasets/fashion-mnist")
SIZE, MARGIN = 32, 2
CLASSES = 10
PIXEL_CLASSES = 3  # background, dark cloth, bright cloth


def load(split, count):
    """Garments [count, 28, 28] in 0..1 and labels [count] from the IDX files, whose headers are 16 and 8 bytes."""
    garments = np.frombuffer(gzip.open(DATASET / f"{split}-images-idx3-ubyte.gz").read(), np.uint8, offset=16)
    labels = np.frombuffer(gzip.open(DATASET / f"{split}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    return garments.reshape(-1, 28, 28)[:count].astype(np.float32) / 255, labels[:count].astype(np.int64)


def backgrounds(count, generator):
    """[count, 3, 32, 32]: two colours blended along a random direction, plus waves of random length."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / (SIZE - 1) - 0.5
    colours = generator.uniform(0.1, 0.7, (2, count, 3, 1, 1))
    angle, pitch, phase = (generator.uniform(0, high, (count, 1, 1, 1)) for high in (2 * np.pi, 20, 2 * np.pi))
    along = np.clip(np.cos(angle) * x + np.sin(angle) * y + 0.5, 0, 1)
    across = np.cos(angle) * y - np.sin(angle) * x
    waves = 0.08 * np.sin(pitch * across + phase)
    return colours[0] * along + colours[1] * (1 - along) + waves


def make(split, count, seed):
    """Images [count, 3, 32, 32] uint8, classes [count] and pixel classes [count, 32, 32], both int64."""
    generator = np.random.default_rng(seed)
    garments, labels = load(split, count)
    cloth = np.pad(garments, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    mask = np.clip(cloth * 6, 0, 1)[:, None]
    tint = generator.uniform(0.6, 1.0, (count, 3, 1, 1))
    picture = (1 - mask) * backgrounds(count, generator) + mask * tint * (0.15 + 0.85 * cloth[:, None])
    grain = generator.normal(0, 0.01, picture.shape)
    pixels = np.rint(255 * np.clip(picture + grain, 0, 1)).astype(np.uint8)
    return pixels, labels, np.digitize(cloth, (0.1, 0.6)).astype(np.int64)


def normalise(pixels):
    """What networks with input "normalised" take: float32, about zero mean and unit deviation."""
    return ((pixels.astype(np.float32) / 255 - 0.45) / 0.25).astype(np.float32)
