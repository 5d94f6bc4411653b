# SPDX-License-Identifier: Apache-2.0
"""Ten architectures for 3x32x32 images, as their papers have them but narrow: 10 to 30 thousand weights each.

NETWORKS maps the names of the files to the classes.
"""
import torch
from torch import nn
from torch.nn import functional as F

from blocks import (BasicBlock, ConvNorm, DenseLayer, Fire, InceptionBlock, InvertedResidual, ShuffleUnit)
from images import CLASSES, PIXEL_CLASSES


class Classifier(nn.Module):
    """`body`, the mean over positions, a linear layer. `task` says what is compared: the largest "class" of an image,
    or of each "pixel"; `takes` says what the network is fed: "normalised" images, or "pixels" 0..255."""

    task = "class"
    takes = "normalised"

    def __init__(self, body, width):
        super().__init__()
        self.body, self.classify = body, nn.Linear(width, CLASSES)

    def features(self, x):
        return torch.flatten(F.adaptive_avg_pool2d(self.body(x), 1), 1)

    def forward(self, x):
        return self.classify(self.features(x))


class Vgg11(Classifier):
    """Plain 3x3 convolutions with biases and no normalisation, three dense layers with dropout. Takes raw pixels and
    normalises them itself."""

    takes = "pixels"

    def __init__(self):
        layers, inputs = [], 3
        for width in (4, "pool", 8, "pool", 16, 16, "pool", 24, 24, "pool", 24, 24, "pool"):
            if width == "pool":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
        super().__init__(nn.Sequential(*layers), 32)
        self.dense = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 32), nn.ReLU(), nn.Dropout(0.1))
        self.register_buffer("mean", torch.tensor([115.0, 114.0, 116.0]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([64.0, 63.0, 65.0]).view(1, 3, 1, 1))

    def features(self, x):
        return self.dense(torch.flatten(self.body((x - self.mean) / self.deviation), 1))


class ResNet18(Classifier):
    def __init__(self):
        layers, inputs = [ConvNorm(3, 6, 7, 2), nn.MaxPool2d(3, 2, 1)], 6
        for width, stride in ((6, 1), (10, 2), (14, 2), (18, 1)):
            layers += [BasicBlock(inputs, width, stride), BasicBlock(width, width, 1)]
            inputs = width
        super().__init__(nn.Sequential(*layers), inputs)


class MobileNetV2(Classifier):
    def __init__(self):
        layers, inputs = [ConvNorm(3, 8, stride=2, activation=nn.ReLU6)], 8
        for expansion, width, repeats, stride in ((1, 6, 1, 1), (6, 8, 2, 2), (6, 10, 3, 1), (6, 14, 2, 2)):
            for repeat in range(repeats):
                first = repeat == 0
                layers.append(InvertedResidual(inputs, width, stride if first else 1, expansion, nn.ReLU6))
                inputs = width
        super().__init__(nn.Sequential(*layers, ConvNorm(inputs, 64, 1, activation=nn.ReLU6)), 64)


class MobileNetV3(Classifier):
    def __init__(self):
        body = nn.Sequential(
            ConvNorm(3, 8, stride=2, activation=nn.Hardswish),
            InvertedResidual(8, 8, 2, 1, nn.ReLU, gate=nn.Hardsigmoid),
            InvertedResidual(8, 12, 1, 4, nn.ReLU),
            InvertedResidual(12, 12, 1, 4, nn.ReLU),
            InvertedResidual(12, 16, 2, 4, nn.Hardswish, 5, gate=nn.Hardsigmoid),
            InvertedResidual(16, 16, 1, 4, nn.Hardswish, 5, gate=nn.Hardsigmoid),
            ConvNorm(16, 64, 1, activation=nn.Hardswish))
        super().__init__(body, 64)
        self.head = nn.Sequential(nn.Linear(64, 64), nn.Hardswish())

    def features(self, x):
        return self.head(super().features(x))


class EfficientNet(Classifier):
    def __init__(self):
        body = nn.Sequential(
            ConvNorm(3, 8, stride=2, activation=nn.SiLU),
            InvertedResidual(8, 8, 1, 1, nn.SiLU, gate=nn.Sigmoid),
            InvertedResidual(8, 10, 2, 6, nn.SiLU, gate=nn.Sigmoid),
            InvertedResidual(10, 10, 1, 6, nn.SiLU, gate=nn.Sigmoid),
            InvertedResidual(10, 14, 2, 6, nn.SiLU, 5, gate=nn.Sigmoid),
            InvertedResidual(14, 14, 1, 6, nn.SiLU, 5, gate=nn.Sigmoid),
            ConvNorm(14, 64, 1, activation=nn.SiLU))
        super().__init__(body, 64)


class SqueezeNet(Classifier):
    """The classifier is a convolution with ReLU; its maps are averaged."""

    def __init__(self):
        body = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(16, 6, 16), Fire(32, 6, 16), nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(32, 10, 24), Fire(48, 10, 24), Fire(48, 12, 32), nn.Dropout(0.1))
        super().__init__(body, 64)
        self.classify = nn.Conv2d(64, CLASSES, 1)

    def forward(self, x):
        return torch.flatten(F.adaptive_avg_pool2d(F.relu(self.classify(self.body(x))), 1), 1)


class DenseNet(Classifier):
    def __init__(self):
        growth, channels = 6, 12
        layers = [ConvNorm(3, channels, stride=2)]
        for block in range(3):
            if block:
                layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
                channels //= 2
            for _ in range(4):
                layers.append(DenseLayer(channels, growth))
                channels += growth
        super().__init__(nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU()), channels)


class ShuffleNet(Classifier):
    def __init__(self):
        layers, inputs = [ConvNorm(3, 12, stride=2)], 12
        for width, repeats in ((24, 2), (48, 3)):
            layers.append(ShuffleUnit(inputs, width, 2))
            layers += [ShuffleUnit(width, width, 1) for _ in range(repeats)]
            inputs = width
        super().__init__(nn.Sequential(*layers, ConvNorm(inputs, 64, 1)), 64)


class Inception(Classifier):
    def __init__(self):
        body = nn.Sequential(
            ConvNorm(3, 12, stride=2), InceptionBlock(12, 6), InceptionBlock(24, 8), nn.MaxPool2d(3, 2, 1),
            InceptionBlock(32, 12), InceptionBlock(48, 12))
        super().__init__(body, 48)


class UNet(nn.Module):
    """Three sizes down and three up: once by a transposed convolution, once nearest, once bilinear, each with its skip."""

    task = "pixel"
    takes = "normalised"

    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.down3 = self.pair(3, 8), self.pair(8, 12), self.pair(12, 16)
        self.bottom = self.pair(16, 24)
        self.up3 = nn.ConvTranspose2d(24, 16, 2, stride=2)
        self.join3, self.join2, self.join1 = self.pair(32, 12), self.pair(24, 8), self.pair(16, 16)
        self.classify = nn.Conv2d(16, PIXEL_CLASSES, 1)

    @staticmethod
    def pair(inputs, outputs):
        return nn.Sequential(ConvNorm(inputs, outputs), ConvNorm(outputs, outputs))

    def features(self, x):
        full = self.down1(x)
        half = self.down2(F.max_pool2d(full, 2))
        quarter = self.down3(F.max_pool2d(half, 2))
        x = self.bottom(F.max_pool2d(quarter, 2))
        x = self.join3(torch.cat([self.up3(x), quarter], 1))
        x = self.join2(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), half], 1))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.join1(torch.cat([x, full], 1))

    def forward(self, x):
        return self.classify(self.features(x))


NETWORKS = {
    "vgg11": Vgg11, "resnet18": ResNet18, "mobilenet_v2": MobileNetV2, "mobilenet_v3": MobileNetV3,
    "efficientnet": EfficientNet, "squeezenet": SqueezeNet, "densenet": DenseNet, "shufflenet": ShuffleNet,
    "inception": Inception, "unet": UNet,
}
