#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the networks that whole-network benchmarks run: usual structures with random weights, and inputs for them.

  build/venv/bin/python tools/bench_models.py [-o FOLDER] [network …]

For each network FOLDER/NAME.onnx, NAME.calib.npy (calibration) and NAME.input.npy (to be inferred, other images).
Weights are He-initialised from a fixed seed. Every batch normalisation has the mean and variance that its input really
has on generated images, because the network is evaluated layer by layer while it is built: so ranges, and with them
rings and sign windows, are as wide as in a trained network of this structure. Needs onnx, onnxruntime and numpy.
"""
import argparse
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPSET = 17


class Builder:
    """An ONNX graph together with what every value is on a few images: `apply` adds a node and evaluates it."""

    def __init__(self, name, images, seed):
        self.name, self.rng = name, np.random.default_rng(seed)
        self.nodes, self.weights = [], []
        self.values = {"image": images}
        self.input = "image"
        self.axes = images.ndim - 2  # of windows: 2, or 3 for volumes

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def apply(self, operator, inputs, constants=(), **attributes):
        """The name of the result of `operator` on the values `inputs` and then the arrays `constants`."""
        first = len(self.weights)
        names = [*inputs, *map(self.constant, constants)]
        result = f"{operator.lower()}{len(self.nodes)}"
        node = helper.make_node(operator, names, [result], name=result, **attributes)
        self.nodes.append(node)
        self.values[result] = self.evaluate(node, inputs, self.weights[first:])
        return result

    def evaluate(self, node, inputs, weights):
        graph = helper.make_graph(
            [node], "step", [helper.make_tensor_value_info(i, TensorProto.FLOAT, self.values[i].shape) for i in dict.fromkeys(inputs)],
            [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return session.run(None, {i: self.values[i] for i in inputs})[0]

    def write(self, output, path):
        def port(name):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *self.values[name].shape[1:]])
        graph = helper.make_graph(self.nodes, self.name, [port(self.input)], [port(output)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)

    # --- Layers -----------------------------------------------------------------------------------------------------

    def conv(self, x, channels, kernel, stride=1, pad=None):
        """Without bias: a normalisation follows. He: weights of variance 2 / fan-in."""
        inputs = self.values[x].shape[1]
        window = [kernel] * self.axes
        weights = self.rng.normal(0, np.sqrt(2 / (inputs * np.prod(window))), (channels, inputs, *window))
        pad = kernel // 2 if pad is None else pad
        return self.apply("Conv", [x], [weights], **self.windows(kernel, stride, pad))

    def norm(self, x, scale=1.0):
        """The input's own statistics; scales of about `scale` and shifts of about 0, as training leaves them."""
        value = self.values[x]
        channels = value.shape[1]
        scale, shift = scale * self.rng.uniform(0.5, 1.5, channels), self.rng.normal(0, 0.2, channels)
        of_channel = (0, *range(2, value.ndim))
        return self.apply("BatchNormalization", [x], [scale, shift, value.mean(of_channel), value.var(of_channel)])

    def relu(self, x):
        return self.apply("Relu", [x])

    def conv_norm_relu(self, x, channels, kernel, stride=1, pad=None):
        return self.relu(self.norm(self.conv(x, channels, kernel, stride, pad)))

    def pool(self, x, kind, kernel=2, stride=2, pad=0):
        return self.apply({"max": "MaxPool", "average": "AveragePool"}[kind], [x], **self.windows(kernel, stride, pad))

    def windows(self, kernel, stride, pad):
        """The same along every axis."""
        return {"kernel_shape": [kernel] * self.axes, "strides": [stride] * self.axes, "pads": [pad] * 2 * self.axes}

    def flatten(self, x):
        return self.apply("Flatten", [x])

    def dense(self, x, outputs):
        """Fully connected, with a bias."""
        inputs = self.values[x].shape[1]
        weights = self.rng.normal(0, np.sqrt(2 / inputs), (outputs, inputs))
        return self.apply("Gemm", [x], [weights, self.rng.normal(0, 0.1, outputs)], transB=1)


# --- Networks -------------------------------------------------------------------------------------------------------


def lenet(b, pooling):
    x = b.pool(b.conv_norm_relu(b.input, 6, 5), pooling or "max")
    x = b.flatten(b.pool(b.conv_norm_relu(x, 16, 5, pad=0), pooling or "max"))
    for width in (120, 84):
        x = b.relu(b.dense(x, width))
    return b.dense(x, 10)


def vgg16(b, pooling):
    """Thirteen convolutions and one classifier, as usual for 32x32; average pooling, as published private systems have it."""
    x = b.input
    for channels, layers in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(layers):
            x = b.conv_norm_relu(x, channels, 3)
        x = b.pool(x, pooling or "average")
    return b.dense(b.flatten(x), 10)


# The last normalisation of a residual branch usually starts at 0 and stays below 1. At 1, errors grow with every block.
BRANCH = 0.4


def resnet(blocks, bottleneck):
    def build(b, pooling):
        x = b.conv_norm_relu(b.input, 64, 7, stride=2)
        x = b.pool(x, pooling or "max", kernel=3, stride=2, pad=1)
        for stage, count in enumerate(blocks):
            width = 64 << stage
            outputs = 4 * width if bottleneck else width
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                if bottleneck:
                    y = b.conv_norm_relu(b.conv_norm_relu(x, width, 1), width, 3, stride)
                    y = b.norm(b.conv(y, outputs, 1), BRANCH)
                else:
                    y = b.norm(b.conv(b.conv_norm_relu(x, width, 3, stride), outputs, 3), BRANCH)
                if block == 0 and (stride > 1 or b.values[x].shape[1] != outputs):
                    x = b.norm(b.conv(x, outputs, 1, stride))
                x = b.relu(b.apply("Add", [x, y]))
        return b.dense(b.flatten(b.apply("GlobalAveragePool", [x])), 1000)
    return build


# Structure, the image's channels, side and axes, and how many calibrate: at the end of the small networks each image gives one to
# four values a channel, from few of which neither statistics nor ranges can be told.
NETWORKS = {
    "lenet_mnist": (lenet, 1, 28, 2, 64),
    "vgg16_cifar": (vgg16, 3, 32, 2, 64),
    "resnet18_imagenet": (resnet((2, 2, 2, 2), bottleneck=False), 3, 224, 2, 8),
    "resnet50_imagenet": (resnet((3, 4, 6, 3), bottleneck=True), 3, 224, 2, 8),
    "resnet18_volume": (resnet((2, 2, 2, 2), bottleneck=False), 1, 64, 3, 16),
}


def make_images(rng, count, channels, side, axes):
    """Float images [count, channels, side, side], or volumes, of mean 0 and variance 1.

    As in photographs, coarse structure outweighs fine."""
    images = np.zeros((count, channels, *[side] * axes))
    sides = tuple(range(2, 2 + axes))
    tile = 1
    while tile < side:
        cells = -(-side // tile)
        coarse = rng.normal(0, np.sqrt(tile), (count, channels, *[cells] * axes))
        for axis in sides:
            coarse = coarse.repeat(tile, axis)
        images += coarse[(..., *[slice(side)] * axes)]
        tile *= 2
    images -= images.mean((0, *sides), keepdims=True)
    return (images / images.std((0, *sides), keepdims=True)).astype(np.float32)


def write(name, folder, calibration=None, inputs=8, pooling=None, seed=1):
    """Writes one network's three files; returns the path of the model. `pooling`: "max", "average" or the network's own."""
    build, channels, side, axes, usual = NETWORKS[name]
    calibration = calibration or usual
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 0])
    images = make_images(rng, calibration + inputs, channels, side, axes)
    np.save(folder / f"{name}.calib.npy", images[:calibration])
    np.save(folder / f"{name}.input.npy", images[calibration:])
    builder = Builder(name, images[:calibration], [seed, 1])
    builder.write(build(builder, pooling), folder / f"{name}.onnx")
    return folder / f"{name}.onnx"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="*", help=f"of {', '.join(NETWORKS)}; all if none is named")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "build" / "models", help="folder (default %(default)s)")
    parser.add_argument("--calibration", type=int, help="images for calibration (default 64 small or 8 large ones)")
    parser.add_argument("--inputs", type=int, default=8, help="images to infer (default %(default)s)")
    parser.add_argument("--pooling", choices=("max", "average"), help="instead of the network's own")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in options.network:
        if name not in NETWORKS:
            parser.error(f"unknown network '{name}'; choose from {', '.join(NETWORKS)}")
    if (options.calibration is not None and options.calibration < 1) or options.inputs < 1 or options.seed < 0:
        parser.error("--calibration and --inputs take at least 1, --seed at least 0")
    for name in options.network or NETWORKS:
        path = write(name, options.output, options.calibration, options.inputs, options.pooling, options.seed)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
