# SPDX-License-Identifier: Apache-2.0
"""The building blocks of the architectures, each as its paper has it."""
import torch
from torch import nn
from torch.nn import functional as F


class ConvNorm(nn.Sequential):
    """Convolution without bias that keeps the size (over the stride), batch normalisation, activation."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.ReLU):
        kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = tuple(k // 2 for k in kernel)
        layers = [nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
        super().__init__(*layers, *([activation()] if activation else []))


class BasicBlock(nn.Module):
    """ResNet: two 3x3 convolutions around a shortcut, which is projected where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(ConvNorm(inputs, outputs, stride=stride), ConvNorm(outputs, outputs, activation=None))
        changes = stride != 1 or inputs != outputs
        self.shortcut = ConvNorm(inputs, outputs, 1, stride, activation=None) if changes else nn.Identity()

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


class SqueezeExcite(nn.Module):
    """Channel gates from the channels' means: x * gate(W2 * inner(W1 * mean(x)))."""

    def __init__(self, channels, squeezed, inner, gate):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.inner, self.gate = inner(), gate()

    def forward(self, x):
        return x * self.gate(self.expand(self.inner(self.reduce(F.adaptive_avg_pool2d(x, 1)))))


class InvertedResidual(nn.Module):
    """MobileNet and EfficientNet: expand by 1x1, filter per channel, optionally gate, project linearly."""

    def __init__(self, inputs, outputs, stride, expansion, activation, kernel=3, gate=None):
        super().__init__()
        hidden = inputs * expansion
        layers = [ConvNorm(inputs, hidden, 1, activation=activation)] if expansion != 1 else []
        layers.append(ConvNorm(hidden, hidden, kernel, stride, groups=hidden, activation=activation))
        if gate:
            inner = nn.SiLU if gate is nn.Sigmoid else nn.ReLU
            layers.append(SqueezeExcite(hidden, max(2, inputs // 2), inner, gate))
        layers.append(ConvNorm(hidden, outputs, 1, activation=None))
        self.body = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class Fire(nn.Module):
    """SqueezeNet: squeeze by 1x1, expand by 1x1 and 3x3 side by side."""

    def __init__(self, inputs, squeezed, expanded):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.pointwise, self.spatial = nn.Conv2d(squeezed, expanded, 1), nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.pointwise(x)), F.relu(self.spatial(x))], 1)


class DenseLayer(nn.Module):
    """DenseNet: normalisation and ReLU *before* each convolution; the result joins the input."""

    def __init__(self, inputs, growth):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, 2 * growth, 1, bias=False),
            nn.BatchNorm2d(2 * growth), nn.ReLU(), nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False))

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


def shuffle_channels(x, groups):
    """Interleaves `groups` groups of channels."""
    batch, channels, height, width = x.shape
    x = x.view(batch, groups, channels // groups, height, width).transpose(1, 2)
    return x.reshape(batch, channels, height, width)


class ShuffleUnit(nn.Module):
    """ShuffleNet v2: half of the channels pass by; with stride 2 both halves are filtered."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        half, entering = outputs // 2, inputs if stride == 2 else inputs // 2
        self.main = nn.Sequential(
            ConvNorm(entering, half, 1), ConvNorm(half, half, 3, stride, groups=half, activation=None),
            ConvNorm(half, half, 1))
        self.passing = None
        if stride == 2:
            self.passing = nn.Sequential(
                ConvNorm(inputs, inputs, 3, 2, groups=inputs, activation=None), ConvNorm(inputs, half, 1))

    def forward(self, x):
        left, right = (x, x) if self.passing else x.chunk(2, 1)
        left = self.passing(left) if self.passing else left
        return shuffle_channels(torch.cat([left, self.main(right)], 1), 2)


class InceptionBlock(nn.Module):
    """Inception v3: 1x1, 3x3, factorised 5x5 (1x5, 5x1) and average-pooled branches side by side."""

    def __init__(self, inputs, width):
        super().__init__()
        self.point = ConvNorm(inputs, width, 1)
        self.square = nn.Sequential(ConvNorm(inputs, width, 1), ConvNorm(width, width, 3))
        self.factorised = nn.Sequential(
            ConvNorm(inputs, width, 1), ConvNorm(width, width, (1, 5)), ConvNorm(width, width, (5, 1)))
        self.pooled = ConvNorm(inputs, width, 1)

    def forward(self, x):
        mean = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return torch.cat([self.point(x), self.square(x), self.factorised(x), self.pooled(mean)], 1)
