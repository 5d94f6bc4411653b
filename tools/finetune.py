#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes a network whose ReLUs are replaced by quadratics, which need no comparison in private.

Reads an ONNX model (as exported, or as `gfscc --emit=onnx` writes it, polynomials already in place), replaces ReLUs by
a x^2 + b x + c with coefficients per channel where asked to, trains all weights and coefficients, and writes an ONNX model that gfscc
recognises. The loss is distillation from the original's logits, cross entropy where labels are given, and a penalty on
activation inputs outside the range the original had there: a quadratic leaves the ReLU far behind outside it.

  tools/finetune.py model.onnx -o tuned.onnx --images train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz
      --test-images t10k-images-idx3-ubyte.gz --test-labels t10k-labels-idx1-ubyte.gz --replace 0.8 --augment

Images are .npy (any float or uint8 array [n, C, H, W]) or IDX files, labels .npy or IDX. Needs torch, onnx and numpy.
The same seed, data and machine give the same weights. See docs/fine-tuning.md.
"""
import argparse
import gzip
import math
import pathlib
import time

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch.nn import functional as F

TEMPERATURE = 2.0
RANGE_WEIGHT = 0.1


def fail(message):
    raise SystemExit(f"finetune: error: {message}")


def read_array(path):
    """An array from a .npy file or an IDX file, plain or compressed."""
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    data = (gzip.open(path) if path.suffix == ".gz" else open(path, "rb")).read()
    if data[:3] != b"\0\0\x08":
        fail(f"{path}: neither .npy nor an IDX file of bytes")
    shape = np.frombuffer(data, ">u4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def read_images(path, shape):
    """[n, ...] of the model's input shape without its batch."""
    images = read_array(path)
    return torch.from_numpy(images.reshape(-1, *shape).copy())


def read_labels(path, count):
    labels = read_array(path).astype(np.int64).reshape(-1)
    if len(labels) != count:
        fail(f"{path}: {len(labels)} labels for {count} images")
    return torch.from_numpy(labels)


class Network(torch.nn.Module):
    """An ONNX graph as a torch module: every float initialiser that a node computes with is a parameter.

    `training` makes batch normalisations use the batch's statistics and keep running ones, as torch does. The operators are those of
    convolutional classifiers and of polynomials; others are refused by name.
    """

    MOMENTUM = 0.1

    def __init__(self, graph):
        super().__init__()
        self.nodes = list(graph.node)
        self.input = next(i.name for i in graph.input if i.name not in {w.name for w in graph.initializer})
        self.output = graph.output[0].name
        self.names, self.constants = {}, {}
        self.observe = None  # called with (node, input) at each activation
        arrays = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant":
                arrays[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        statistics = {name for node in self.nodes if node.op_type == "BatchNormalization" for name in node.input[3:5]}
        for name, array in arrays.items():
            if array.dtype != np.float32:
                self.constants[name] = array
                continue
            self.names[name] = f"w{len(self.names)}"
            tensor = torch.from_numpy(array.copy())
            if name in statistics:
                self.register_buffer(self.names[name], tensor)
            else:
                self.register_parameter(self.names[name], torch.nn.Parameter(tensor))
        unsupported = sorted({n.op_type for n in self.nodes if not hasattr(self, "run_" + n.op_type)})
        if unsupported:
            fail(f"operators that cannot be trained here: {', '.join(unsupported)}")

    def weight(self, name):
        return getattr(self, self.names[name]) if name in self.names else None

    def forward(self, x):
        values = {self.input: x}
        for node in self.nodes:
            operands = [values[n] if n in values else self.weight(n) for n in node.input if n not in self.constants]
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            values[node.output[0]] = getattr(self, "run_" + node.op_type)(node, operands, attributes)
        return values[self.output]

    # --- Operators -----------------------------------------------------------------------------------------
    def run_Constant(self, node, operands, attributes):
        return self.weight(node.output[0])

    def run_Identity(self, node, operands, attributes):
        return operands[0]

    def run_Conv(self, node, operands, attributes):
        x, w, *bias = operands
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        x = F.pad(x, (left, right, top, bottom)) if (top, left) != (bottom, right) else x
        padding = (top, left) if (top, left) == (bottom, right) else 0
        return F.conv2d(x, w, bias[0] if bias else None, attributes.get("strides", 1), padding,
                        attributes.get("dilations", 1), attributes.get("group", 1))

    def run_BatchNormalization(self, node, operands, attributes):
        x, scale, bias, mean, var = operands
        return F.batch_norm(x, mean, var, scale, bias, self.training, self.MOMENTUM, attributes.get("epsilon", 1e-5))

    def run_Gemm(self, node, operands, attributes):
        a, b, *c = operands
        a = a.T if attributes.get("transA", 0) else a
        b = b.T if attributes.get("transB", 0) else b
        product = attributes.get("alpha", 1.0) * (a @ b)
        return product + attributes.get("beta", 1.0) * c[0] if c else product

    def run_MatMul(self, node, operands, attributes):
        return operands[0] @ operands[1]

    def run_Relu(self, node, operands, attributes):
        if self.observe:
            self.observe(node, operands[0])
        return torch.relu(operands[0])

    def run_Add(self, node, operands, attributes):
        return operands[0] + operands[1]

    def run_Sub(self, node, operands, attributes):
        return operands[0] - operands[1]

    def run_Mul(self, node, operands, attributes):
        if self.observe and node.name.endswith(Replacement.FIRST):
            self.observe(node, operands[0])
        return operands[0] * operands[1]

    def run_MaxPool(self, node, operands, attributes):
        return self.pool(F.max_pool2d, operands[0], attributes)

    def run_AveragePool(self, node, operands, attributes):
        return self.pool(F.avg_pool2d, operands[0], attributes, bool(attributes.get("count_include_pad", 0)))

    @staticmethod
    def pool(function, x, attributes, *more):
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        if (top, left) != (bottom, right) or attributes.get("ceil_mode", 0) or b"auto_pad" in attributes:
            fail("poolings with uneven padding cannot be trained here")
        kernel = attributes["kernel_shape"]
        strides = attributes.get("strides", [1, 1])
        return (function(x, kernel, strides, (top, left), False, *more) if more
                else function(x, kernel, strides, (top, left)))

    def run_GlobalAveragePool(self, node, operands, attributes):
        return operands[0].mean((2, 3), keepdim=True)

    def run_Flatten(self, node, operands, attributes):
        return operands[0].flatten(attributes.get("axis", 1))

    def run_Reshape(self, node, operands, attributes):
        shape = [int(extent) for extent in self.constants[node.input[1]]]
        shape = [operands[0].shape[i] if extent == 0 else extent for i, extent in enumerate(shape)]
        return operands[0].reshape(operands[0].shape[0], *shape[1:])

    def run_Concat(self, node, operands, attributes):
        return torch.cat(operands, attributes["axis"])


class Moments:
    """Sums of powers of an activation's input, channel by channel, and its largest magnitude."""

    def __init__(self):
        self.sums, self.relu_sums, self.largest, self.elements = None, None, 0.0, 0

    def add(self, x):
        flat = x.detach().double().transpose(0, 1).flatten(1)
        positive = flat.clamp(min=0)
        sums = torch.stack([(flat**k).mean(1) for k in range(5)])
        relu_sums = torch.stack([(positive * flat**k).mean(1) for k in range(3)])
        first = self.sums is None
        self.sums = sums if first else self.sums + sums
        self.relu_sums = relu_sums if first else self.relu_sums + relu_sums
        self.largest = max(self.largest, float(flat.abs().max()))
        self.elements = x[0].numel()

    def fit(self):
        """(a, b, c) per channel with the least mean square of a x^2 + b x + c - max(x, 0)."""
        power = torch.arange(3)
        normal = self.sums[power[:, None] + power].permute(2, 0, 1)  # [C, 3, 3]: E[x^(i+j)]
        normal = normal + 1e-6 * torch.eye(3) * normal.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
        c, b, a = torch.linalg.solve(normal, self.relu_sums.T).float().T
        return a, b, c


class Replacement:
    """Rewrites one Relu node as ((x * a) + b) * x + c."""

    FIRST = "/quadratic"

    def __init__(self, relu, moments, axes):
        shape = [-1] + [1] * (axes - 2)
        name = relu.name or relu.output[0]
        x, y = relu.input[0], relu.output[0]
        part = lambda suffix: f"{name}{suffix}"
        self.weights = [numpy_helper.from_array(w.reshape(shape).numpy(), part(s))
                        for w, s in zip(moments.fit(), (".a", ".b", ".c"))]
        self.nodes = [
            helper.make_node("Mul", [x, part(".a")], [part(".ax")], name=part(self.FIRST)),
            helper.make_node("Add", [part(".ax"), part(".b")], [part(".ax_b")], name=part("/add_b")),
            helper.make_node("Mul", [part(".ax_b"), x], [part(".axx_bx")], name=part("/mul")),
            helper.make_node("Add", [part(".axx_bx"), part(".c")], [y], name=part("/add_c")),
        ]


def measure(network, images, batch):
    """Moments by the activation's name, and the input's rank."""
    moments = {}

    def observe(node, x):
        moments.setdefault(node.output[0], (Moments(), x.dim()))[0].add(x)

    network.observe = observe
    with torch.no_grad():
        for part in images.split(batch):
            network(part.float())
    network.observe = None
    return moments


def replace_relus(graph, moments, share):
    """Replaces whole layers, in the order of the graph, until `share` of the ReLUs are; returns the share reached."""
    relus = [n for n in graph.node if n.op_type == "Relu"]
    total = sum(moments[n.output[0]][0].elements for n in relus)
    replaced, nodes = 0, []
    for node in graph.node:
        if node.op_type == "Relu" and replaced < share * total:
            measured, axes = moments[node.output[0]]
            replaced += measured.elements
            made = Replacement(node, measured, axes)
            nodes.extend(made.nodes)
            graph.initializer.extend(made.weights)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return replaced / total if total else 0.0


def average_pools(graph):
    """Maxima need comparisons, means do not."""
    for node in graph.node:
        if node.op_type == "MaxPool":
            node.op_type = "AveragePool"
            kept = [a for a in node.attribute if a.name in ("kernel_shape", "strides", "pads")]
            del node.attribute[:]
            node.attribute.extend(kept)


def write_back(network, graph):
    """The module's weights into the graph's initialisers."""
    for initializer in graph.initializer:
        if initializer.name in network.names:
            tensor = network.weight(initializer.name).detach().numpy()
            initializer.CopyFrom(numpy_helper.from_array(tensor, initializer.name))


def accuracy(network, images, labels, batch):
    network.eval()
    with torch.no_grad():
        hits = sum(int((network(x.float()).argmax(1) == y).sum()) for x, y in zip(images.split(batch), labels.split(batch)))
    return hits / len(labels)


def augment(x, generator):
    """Half of the images mirrored, all shifted by up to one pixel."""
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    dy, dx = (int(torch.randint(0, 3, (1,), generator=generator)) for _ in range(2))
    return F.pad(x, (1, 1, 1, 1))[:, :, dy : dy + x.shape[2], dx : dx + x.shape[3]]


def parse_schedule(text):
    """[(epochs, largest rate)] of "1@2e-3,2@3e-3"."""
    cycles = []
    for part in text.split(","):
        epochs, _, rate = part.partition("@")
        try:
            cycles.append((int(epochs), float(rate)))
        except ValueError:
            cycles.append((0, 0.0))
        if cycles[-1][0] < 1 or not 0 < cycles[-1][1] < math.inf:
            raise argparse.ArgumentTypeError(f"'{part}' is no cycle EPOCHS@RATE, such as 2@3e-3")
    return cycles


def train(network, teacher, ranges, images, labels, args):
    """Cycle after cycle of the schedule, from one generator of random numbers.

    The first cycle sees the images as they are: fresh quadratics leave their range easily. Augmentation begins with the second,
    or with the only one.
    """
    generator = torch.Generator().manual_seed(args.seed)
    for number, (epochs, rate) in enumerate(args.schedule):
        augmented = args.augment and (number > 0 or len(args.schedule) == 1)
        train_cycle(network, teacher, ranges, images, labels, args, generator, epochs, rate, augmented)
    return network.eval()


def train_cycle(network, teacher, ranges, images, labels, args, generator, epochs, rate, augmented):
    """One pass over the images an epoch; the learning rate rises to `rate` and falls once."""
    steps = epochs * math.ceil(len(images) / args.batch)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    excess = []

    def observe(node, x):
        # Outputs of both forms are named alike: the Relu's, and the first product's of its replacement.
        limit = ranges.get(node.output[0].removesuffix(".ax"))
        if limit:
            excess.append((F.relu(x.abs() / limit - 1) ** 2).mean())

    network.observe = observe
    for epoch in range(epochs):
        network.train()
        start, total = time.time(), 0.0
        for pick in torch.randperm(len(images), generator=generator).split(args.batch):
            x = images[pick].float()
            x = augment(x, generator) if augmented else x
            with torch.no_grad():
                target = F.softmax(teacher(x) / TEMPERATURE, 1)
            excess.clear()
            logits = network(x)
            loss = TEMPERATURE**2 * F.kl_div(F.log_softmax(logits / TEMPERATURE, 1), target, reduction="batchmean")
            if labels is not None:
                loss = 0.5 * loss + 0.5 * F.cross_entropy(logits, labels[pick])
            loss = loss + RANGE_WEIGHT * sum(excess)
            if not torch.isfinite(loss):
                fail("the loss is no longer finite: try smaller rates in --schedule")
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(pick)
        print(f"rate {rate:g}, epoch {epoch + 1}/{epochs}: loss {total / len(images):.4f}, {time.time() - start:.0f} s", flush=True)
    network.observe = None


def parse_arguments():
    parser = argparse.ArgumentParser(description="replace ReLUs by quadratics and train the network to get used to them")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=pathlib.Path, required=True, help=".npy or IDX; what the model expects as input")
    parser.add_argument("--labels", type=pathlib.Path, help="without them, distillation alone")
    parser.add_argument("--test-images", type=pathlib.Path)
    parser.add_argument("--test-labels", type=pathlib.Path)
    parser.add_argument("--teacher", type=pathlib.Path, help="distil from this model (default: the given one, as it is)")
    parser.add_argument("--replace", type=float, default=0.0, metavar="SHARE",
                        help="share of the ReLUs to replace, whole layers, the first first (default 0: train as it is)")
    parser.add_argument("--pools", choices=["keep", "average"], default="keep", help="what becomes of max poolings")
    parser.add_argument("--augment", action="store_true",
                        help="mirror and shift images from the second cycle on; not for digits or letters, whose mirror images are none")
    parser.add_argument("--limit", type=int, help="use this many training images only")
    parser.add_argument("--schedule", type=parse_schedule, default="1@2e-3,2@3e-3,3@2e-3", metavar="EPOCHS@RATE,…",
                        help="cycles in which the learning rate rises to RATE and falls again (default %(default)s: quadratics "
                             "settle, the network learns, the end is fine)")
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    model = onnx.load(str(args.model))
    teacher = Network(onnx.load(str(args.teacher or args.model)).graph).eval()
    dimensions = next(i for i in model.graph.input if i.name == teacher.input).type.tensor_type.shape.dim
    shape = [d.dim_value for d in dimensions][1:]
    images = read_images(args.images, shape)
    labels = read_labels(args.labels, len(images))[: args.limit] if args.labels else None
    images = images[: args.limit]

    sample = images[: 4 * args.batch]
    ranges = {name.removesuffix(".ax"): moments.largest for name, (moments, _) in measure(teacher, sample, args.batch).items()}
    measured = measure(Network(model.graph).eval(), sample, args.batch)
    share = replace_relus(model.graph, measured, args.replace)
    if args.pools == "average":
        average_pools(model.graph)
    network = train(Network(model.graph), teacher, ranges, images, labels, args)
    write_back(network, model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, str(args.output))
    print(f"{args.output}: {share:.1%} of the ReLUs replaced")
    if args.test_images and args.test_labels:
        test = read_images(args.test_images, shape)
        truth = read_labels(args.test_labels, len(test))
        before, after = (accuracy(n, test, truth, args.batch) for n in (teacher, network))
        print(f"accuracy on {len(test)} images: {before:.2%} before, {after:.2%} after")


if __name__ == "__main__":
    main()
