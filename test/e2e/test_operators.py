# SPDX-License-Identifier: Apache-2.0
"""Small networks around one operator each: compiled, run privately, and compared with ONNX's reference implementation."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    from graph import Graph
except ImportError as missing:
    print(f"SKIPPED: {missing}; tools/install.sh --tests installs it", file=sys.stderr)
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GFS_BIN", ROOT / "build" / "release" / "bin"))
CALIBRATION = 8


class OperatorTest(unittest.TestCase):
    def tool(self, name, *arguments):
        done = subprocess.run([BIN / name, *map(str, arguments)], capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def check(self, network, *outputs, tolerance=0.02, positive=False, expected=None):
        """Private outputs within `tolerance` of the reference's largest magnitude. Returns the plan's exchanges.

        `expected` gives the one output for an input where the reference implementation is wrong. With exact sign windows: short ones take either sign of a value near zero, element by element at random.
        """
        model = network.model(*outputs)
        samples = network.random.standard_normal((CALIBRATION, *network.shape)).astype(np.float32)
        samples = np.abs(samples) + 0.5 if positive else samples
        x = samples[-1]
        expected = [expected(x)] if expected else ReferenceEvaluator(model).run(None, {"x": x})
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            onnx.save(model, str(folder / "model.onnx"))
            np.save(folder / "samples.npy", samples)
            np.save(folder / "x.npy", x)
            self.tool("gfscc", folder / "model.onnx", "-o", folder / "plan.bin", "--calib", folder / "samples.npy",
                      "--exact", "-q")
            self.tool("gfsrun", folder / "plan.bin", "--local", "--input", folder / "x.npy", "--output", folder / "y.npy", "-q")
            files = [folder / "y.npy"] if len(outputs) == 1 else [folder / f"y.{output}.npy" for output in outputs]
            for file, wanted in zip(files, expected):
                got = np.load(file)
                self.assertEqual(got.shape, wanted.shape)
                error = np.abs(got - wanted).max() / np.abs(wanted).max()
                self.assertLess(error, tolerance, file.name)
            text = self.tool("gfs-inspect", folder / "plan.bin").stdout
        return next(int(line.split()[1]) for line in text.splitlines() if line.strip().startswith("exchanges"))

    def test_squeeze_and_excitation(self):
        # [1, C, 1, 1] times [1, C, H, W], both secret.
        net = Graph([1, 3, 8, 8])
        y = net.op("Relu", net.conv("x", 3, 8))
        gate = net.op("Relu", net.conv(net.op("GlobalAveragePool", y), 8, 4, kernel=1))
        gate = net.op("HardSigmoid", net.conv(gate, 4, 8, kernel=1), alpha=1 / 6, beta=0.5)
        y = net.op("Mul", gate, y)
        self.check(net, net.op("Gemm", net.op("Flatten", y), net.weights(10, 512), transB=1))

    def test_channels_last_costs_nothing(self):
        def network(last):
            net = Graph([1, 3, 8, 8])

            def turn(value, perm):
                return net.op("Transpose", value, perm=perm) if last else value

            y = "x"
            for inputs in (3, 4):
                y = turn(net.conv(y, inputs, 4), [0, 2, 3, 1])
                y = net.op("Relu", net.op("Add", y, np.full((4,) if last else (4, 1, 1), 0.5, np.float32)))
                y = turn(y, [0, 3, 1, 2])
            return net, net.conv(y, 4, 2)

        exchanges = [self.check(*network(last)) for last in (False, True)]
        self.assertEqual(*exchanges)

    def test_transposed_convolution(self):
        net = Graph([1, 3, 6, 6])
        y = net.op("Relu", net.conv("x", 3, 4, strides=[2, 2]))
        up = net.op("ConvTranspose", y, net.weights(4, 4, 3, 3), net.weights(4), strides=[2, 2], pads=[1, 1, 1, 1],
                    output_padding=[1, 1])
        self.check(net, net.conv(net.op("Relu", up), 4, 2))

    def test_transposed_convolution_shapes(self):
        for attributes in ({"strides": [3, 1], "dilations": [2, 2]}, {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
                           {"strides": [3, 2], "dilations": [2, 3]},
                           {"pads": [2, 0, 1, 3]}):
            with self.subTest(attributes):
                net = Graph([1, 2, 5, 6])
                self.check(net, net.op("ConvTranspose", "x", net.weights(2, 3, 4, 2), **attributes))

    def test_volumes(self):
        # Three spatial axes: strides, padding, groups, normalisations and poolings between convolutions.
        net = Graph([1, 2, 5, 6, 4])

        def conv(x, inputs, outputs, kernel, groups=1, **attributes):
            return net.op("Conv", x, net.weights(outputs, inputs // groups, *kernel), net.weights(outputs), group=groups,
                          **attributes)

        y = conv("x", 2, 4, [3, 3, 3], pads=[1, 1, 1, 1, 1, 1])
        y = net.op("BatchNormalization", y, *(np.float32([1.5, 0.5, 1, 2]) for _ in range(4)))
        y = net.op("MaxPool", net.op("Relu", y), kernel_shape=[2, 2, 2], strides=[1, 2, 2], pads=[1, 0, 0, 0, 0, 0])
        y = net.op("Add", y, conv(y, 4, 4, [3, 1, 2], groups=2, dilations=[2, 1, 1], pads=[2, 0, 0, 2, 0, 1]))
        y = net.op("Concat", y, conv(y, 4, 2, [1, 1, 1]), axis=1)
        up = net.op("ConvTranspose", y, net.weights(6, 2, 2, 3, 2), strides=[2, 1, 2], pads=[1, 0, 0, 0, 1, 0])
        self.check(net, conv(net.op("Relu", up), 2, 3, [2, 2, 2], strides=[2, 1, 2]))

    def test_pooling_of_volumes(self):
        for kind, attributes in (("AveragePool", {"pads": [1, 0, 1, 0, 0, 1]}), ("AveragePool", {"count_include_pad": 1}),
                                 ("MaxPool", {"dilations": [2, 1, 2]}), ("MaxPool", {"ceil_mode": 1})):
            with self.subTest(kind, **attributes):
                net = Graph([1, 2, 5, 4, 4])
                self.check(net, net.op(kind, "x", kernel_shape=[2, 3, 2], strides=[2, 1, 2], **attributes))
        for kind, pool in (("GlobalAveragePool", np.mean), ("GlobalMaxPool", np.max)):
            with self.subTest(kind):
                net = Graph([1, 2, 3, 4, 2])
                self.check(net, net.op(kind, "x"), expected=lambda x, pool=pool: pool(x, axis=(2, 3, 4), keepdims=True))

    def test_largest_of_a_long_line(self):
        # Few steps and levels, however long it is: 700 elements are ten levels of two exchanges, input and output apart.
        net = Graph([1, 2, 700])
        exchanges = self.check(net, net.op("GlobalMaxPool", "x"), expected=lambda x: x.max(axis=2, keepdims=True))
        self.assertLessEqual(exchanges, 20)

    def test_formats_of_small_networks_are_not_chosen_by_luck(self):
        # A sign taken for the other is rare and far off: of 24 samples seen once, formats with an error of 1.1 % seemed to
        # have one of 0.4 %. The aim is 0.5 %, and each private run draws anew.
        net = Graph([1, 7, 5], seed=6)
        product = net.op("Transpose", net.op("MatMul", "x", net.weights(5, 4)), perm=[0, 2, 1])
        model = net.model(net.op("ReduceMax", product, np.int64([2])))
        samples = net.random.standard_normal((24, *net.shape)).astype(np.float32)
        expected = np.stack([ReferenceEvaluator(model).run(None, {"x": x})[0] for x in samples]).ravel()
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            onnx.save(model, str(folder / "model.onnx"))
            np.save(folder / "samples.npy", samples)
            np.save(folder / "x.npy", np.concatenate([samples] * 20))
            self.tool("gfscc", folder / "model.onnx", "-o", folder / "plan.bin", "--calib", folder / "samples.npy", "-q")
            self.tool("gfsrun", folder / "plan.bin", "--local", "--batch", "--input", folder / "x.npy", "--output", folder / "y.npy", "-q")
            got = np.load(folder / "y.npy").reshape(20, -1)
        self.assertLess(np.sqrt(((got - expected) ** 2).mean()) / expected.std(), 0.008)

    def test_resizing(self):
        for sizes in ([10, 8], [3, 7]):
            for attributes in ({"mode": "linear"}, {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
                               {"mode": "cubic", "exclude_outside": 1}, {"mode": "linear", "antialias": 1},
                               {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
                               {"mode": "cubic", "coordinate_transformation_mode": "pytorch_half_pixel"}):
                with self.subTest(sizes=sizes, **attributes):
                    net = Graph([1, 2, 5, 4])
                    y = net.op("Resize", net.op("Relu", net.conv("x", 2, 2)), "", "", np.int64([1, 2, *sizes]), **attributes)
                    self.check(net, net.conv(y, 2, 2))

    def test_resizing_behind_a_convolution(self):
        # Nothing is truncated from the convolution to the end.
        for mode in ("linear", "cubic"):
            with self.subTest(mode):
                net = Graph([1, 3, 8, 3])
                y = net.op("Resize", net.conv("x", 3, 3), "", "", np.int64([1, 3, 7, 5]), mode=mode)
                self.check(net, y)

    def test_reductions(self):
        for kind in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1"):
            for axes in ([1], [0, 2], [3]):
                with self.subTest(kind=kind, axes=axes):
                    net = Graph([1, 3, 4, 5])
                    self.check(net, net.op(kind, net.conv("x", 3, 3), np.int64(axes), keepdims=0))

    def test_batches_of_matrices(self):
        net = Graph([2, 3, 4])
        self.check(net, net.op("MatMul", "x", net.weights(5, 2, 4, 3)))

    def test_products_of_vectors(self):
        # All combinations of axes, the constant on either side. What a softmax runs over shows the result's axes.
        for left in ((4,), (3, 4), (1, 3, 4), (2, 3, 4)):
            for right in ((4,), (4, 3), (2, 4, 3)):
                for secret, public in ((left, right), (right, left)):
                    with self.subTest(left=left, right=right, secret=secret):
                        net = Graph(list(secret))
                        weights = net.weights(*public)
                        y = net.op("MatMul", *(("x", weights) if secret is left else (weights, "x")))
                        outputs = [y, net.op("Softmax", y, axis=0)] if len(left) + len(right) > 2 else [y]
                        self.check(net, *outputs)

    def test_response_normalisation(self):
        net = Graph([1, 3, 6, 6])
        y = net.op("LRN", net.op("Relu", net.conv("x", 3, 8)), size=5, alpha=0.1, beta=0.75, bias=2.0)
        # The power is a fitted spline.
        self.check(net, net.conv(y, 8, 2), tolerance=0.04)

    def trained(self, net, count):
        return net.random.uniform(0.5, 1.5, count).astype(np.float32), net.weights(count)

    def test_normalisations_by_own_statistics(self):
        for kind, opset, shape, trained, attributes in (
                ("InstanceNormalization", 18, [1, 3, 14, 14], 8, {}), ("InstanceNormalization", 18, [1, 3, 16, 48], 8, {}),
                ("GroupNormalization", 18, [1, 3, 8, 8], 4, {"num_groups": 4}), ("GroupNormalization", 21, [1, 3, 8, 8], 8, {"num_groups": 4}),
                ("LayerNormalization", 18, [1, 3, 8, 8], 8, {"axis": -1}), ("LayerNormalization", 18, [1, 3, 8, 8], 8, {"epsilon": 0.1}),
                ("MeanVarianceNormalization", 18, [1, 3, 8, 8], 0, {}), ("LpNormalization", 18, [1, 3, 8, 8], 0, {"axis": 1})):
            with self.subTest(kind=kind, shape=shape, opset=opset):
                net = Graph(shape, opset=opset)
                x = net.conv("x", 3, 8)
                if kind == "LayerNormalization":  # over channels
                    x = net.op("Transpose", x, perm=[0, 2, 3, 1])
                # Where deviations are small a rounded variance shows.
                self.check(net, net.op(kind, x, *(self.trained(net, trained) if trained else ()), **attributes), tolerance=0.03)

    def test_normalisation_of_volumes(self):
        # As in networks that segment volumes: statistics of each channel's 4,096 voxels, and a leaky ReLU.
        net = Graph([1, 1, 16, 16, 16])
        y = net.op("Conv", "x", net.weights(4, 1, 3, 3, 3), pads=[1] * 6)
        y = net.op("LeakyRelu", net.op("InstanceNormalization", y, *self.trained(net, 4)), alpha=0.01)
        self.check(net, net.op("Conv", y, net.weights(2, 4, 1, 1, 1)), tolerance=0.03)

    def test_softmaxes_inside(self):
        for kind, axis in (("Softmax", 1), ("Softmax", -1), ("LogSoftmax", 1)):
            with self.subTest(kind=kind, axis=axis):
                net = Graph([1, 3, 8, 8])
                self.check(net, net.conv(net.op(kind, net.conv("x", 3, 8), axis=axis), 8, 4), tolerance=0.03)

    def test_distribution_heads(self):
        # A detector's sides of boxes: the mean of a distribution over 16 distances.
        net = Graph([1, 3, 8, 8])
        y = net.op("Reshape", net.conv("x", 3, 64, strides=[2, 2]), np.int64([1, 4, 16, 16]))
        y = net.op("Softmax", net.op("Transpose", y, perm=[0, 2, 1, 3]), axis=1)
        self.check(net, net.op("Conv", y, np.arange(16, dtype=np.float32).reshape(1, 16, 1, 1)))

    def test_attention(self):
        # Two heads over the 16 pixels of an image.
        net = Graph([1, 3, 8, 8])
        y = net.op("Reshape", net.conv("x", 3, 48, strides=[2, 2]), np.int64([1, 2, 24, 16]))
        query, key, value = net.op("Split", y, np.int64([8, 8, 8]), axis=2, outputs=3)
        scores = net.op("Mul", net.op("MatMul", net.op("Transpose", query, perm=[0, 1, 3, 2]), key), np.float32(8 ** -0.5))
        weights = net.op("Transpose", net.op("Softmax", scores, axis=-1), perm=[0, 1, 3, 2])
        y = net.op("Reshape", net.op("MatMul", value, weights), np.int64([1, 16, 4, 4]))
        self.check(net, net.conv(y, 16, 4, kernel=1), tolerance=0.03)

    def test_products_of_secret_matrices(self):
        for left, right in (([2, 6], [6, 4]), ([3, 1, 2, 4], [2, 4, 3]), ([6], [6, 2]), ([2, 6], [6])):
            with self.subTest(left=left, right=right):
                count = int(np.prod(left)), int(np.prod(right))
                net = Graph([1, sum(count)])
                parts = net.op("Split", net.op("Mul", "x", net.weights(1, sum(count))), np.int64(count), axis=1, outputs=2)
                self.check(net, net.op("MatMul", *(net.op("Reshape", part, np.int64(shape)) for part, shape in zip(parts, (left, right)))))

    def recurrent(self, kind, gates, options):
        """One layer over six steps of two sequences, and all its outputs."""
        steps, batch, inputs, hidden = 6, 2, 5, 4
        directions = 2 if options.get("direction") == "bidirectional" else 1
        net = Graph([batch, steps, inputs] if options.get("layout") else [steps, batch, inputs])
        operands = ["x", net.weights(directions, gates * hidden, inputs), net.weights(directions, gates * hidden, hidden)]
        if options.get("bias"):
            operands.append(net.weights(directions, 2 * gates * hidden))
        if options.get("state"):
            operands += ["", net.weights(directions, batch, hidden)] + [net.weights(directions, batch, hidden)] * (kind == "LSTM")
        if options.get("peepholes"):
            operands += ["", "", "", net.weights(directions, 3 * hidden)]
        attributes = {name: value for name, value in options.items() if name in ("direction", "layout", "linear_before_reset", "activations")}
        outputs = net.op(kind, *operands, outputs=3 if kind == "LSTM" else 2, hidden_size=hidden, **attributes)
        return net, outputs

    def test_recurrent_layers(self):
        for kind, gates in (("RNN", 1), ("LSTM", 4), ("GRU", 3)):
            for options in ({}, {"bias": 1, "state": 1}, {"layout": 1}):
                with self.subTest(kind=kind, **options):
                    net, outputs = self.recurrent(kind, gates, options)
                    self.check(net, *outputs[:2], tolerance=0.04)

    def test_directions_of_recurrent_layers(self):
        # The reference knows one direction: against numpy's own, the sequence turned round.
        for kind, gates in (("RNN", 1), ("LSTM", 4), ("GRU", 3)):
            forward, outputs = self.recurrent(kind, gates, {"bias": 1})
            plain = ReferenceEvaluator(forward.model(outputs[0]))
            net, outputs = self.recurrent(kind, gates, {"bias": 1, "direction": "reverse"})
            with self.subTest(kind=kind):
                self.check(net, outputs[0], tolerance=0.04, expected=lambda x: plain.run(None, {"x": x[::-1]})[0][::-1])

    def test_options_of_recurrent_layers(self):
        net, outputs = self.recurrent("LSTM", 4, {"bias": 1, "peepholes": 1})
        self.check(net, *outputs[:2], tolerance=0.04)
        net, outputs = self.recurrent("GRU", 3, {"bias": 1, "linear_before_reset": 1})
        self.check(net, *outputs, tolerance=0.04)
        net, outputs = self.recurrent("RNN", 1, {"activations": ["Relu"]})
        w, r = (numpy_helper.to_array(tensor)[0] for tensor in net.initialisers[:2])

        def rectified(x):  # which the reference does not know
            states = [np.zeros((2, 4), np.float32)]
            for step in x:
                states.append(np.maximum(step @ w.T + states[-1] @ r.T, 0))
            return np.stack(states[1:])[:, None]

        self.check(net, outputs[0], tolerance=0.04, expected=rectified)

    def test_lines_of_text(self):
        # As networks that read text: columns of an image's features are the steps of a bidirectional layer.
        net = Graph([1, 1, 8, 12])
        y = net.op("MaxPool", net.op("Relu", net.conv("x", 1, 4)), kernel_shape=[2, 2], strides=[2, 2])
        y = net.op("Reshape", net.op("Transpose", y, perm=[3, 0, 1, 2]), np.int64([6, 1, 16]))
        y = net.op("LSTM", y, net.weights(2, 32, 16), net.weights(2, 32, 8), net.weights(2, 64), outputs=3, hidden_size=8, direction="bidirectional")[0]
        y = net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3]), np.int64([6, 16]))
        model = net.model(net.op("MatMul", y, net.weights(16, 5)))
        try:
            import onnxruntime
        except ImportError:
            self.skipTest("onnxruntime is missing")
        session = onnxruntime.InferenceSession(model.SerializeToString())
        self.check(net, net.nodes[-1].output[0], tolerance=0.03, expected=lambda x: session.run(None, {"x": x})[0])

    def test_norms(self):
        for kind, expected in (("ReduceL1", lambda x: np.abs(x).sum((2, 3), keepdims=True)), ("ReduceL2", lambda x: np.sqrt((x * x).sum((2, 3), keepdims=True))),
                               ("ReduceLogSumExp", lambda x: np.log(np.exp(x).sum((2, 3), keepdims=True)))):
            with self.subTest(kind):
                net = Graph([1, 3, 4, 4])
                self.check(net, net.op(kind, "x", np.int64([2, 3])), expected=expected)
        net = Graph([1, 4, 3, 3])  # the reference does not take magnitudes
        self.check(net, net.op("LpNormalization", "x", p=1, axis=1), expected=lambda x: x / np.abs(x).sum(1, keepdims=True), tolerance=0.03)

    def test_leaky_relus_keep_rings_narrow(self):
        # A slope of 0.01 has 17 bits behind the point; a layer's result of 20 bits has no room for them in a word.
        net = Graph([1, 3, 12, 12])
        y = "x"
        for inputs in (3, 8):
            y = net.op("LeakyRelu", net.conv(y, inputs, 8), alpha=0.01)
        model = net.model(net.conv(y, 8, 2))
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            onnx.save(model, str(folder / "model.onnx"))
            np.save(folder / "samples.npy", net.random.standard_normal((24, *net.shape)).astype(np.float32))
            self.tool("gfscc", folder / "model.onnx", "-o", folder / "plan.bin", "--calib", folder / "samples.npy", "-q")
            text = self.tool("gfs-inspect", folder / "plan.bin").stdout
        ring = next(int(line.split()[1]) for line in text.splitlines() if line.strip().startswith("ring"))
        self.assertLessEqual(ring, 32)

    def test_division_and_powers(self):
        net = Graph([1, 16])
        y = net.op("Div", np.float32(3), "x")
        y = net.op("Sum", y, net.op("Pow", "x", np.float32(1.5)), net.op("Pow", "x", np.float32(4)))
        self.check(net, y, positive=True)

    def test_joined_constants(self):
        net = Graph([1, 4])
        y = net.op("Concat", net.weights(1, 2), net.op("Relu", "x"), net.weights(1, 3), axis=1)
        y = net.op("Mul", y, net.weights(2, 3, 9))
        self.check(net, y)

    def test_computed_weights(self):
        # W + B A, and weights of mean 0 and variance 1 per filter.
        net = Graph([1, 3, 6, 6])
        weight = net.weights(4, 3, 3, 3)
        mean = net.op("ReduceMean", weight, np.int64([1, 2, 3]))
        weight = net.op("Sub", weight, mean)
        deviation = net.op("Sqrt", net.op("ReduceMean", net.op("Mul", weight, weight), np.int64([1, 2, 3])))
        y = net.op("Relu", net.op("Conv", "x", net.op("Div", weight, deviation), net.weights(4)))
        y = net.op("Flatten", y)
        matrix = net.op("Add", net.weights(64, 5), net.op("MatMul", net.weights(64, 2), net.weights(2, 5)))
        y = net.op("MatMul", y, matrix)
        self.check(net, net.op("Mul", y, net.op("Softmax", net.weights(1, 5))))

    def test_constant_layers(self):
        def layers(net):
            image, row = net.weights(1, 2, 3, 5), net.weights(2, 6)
            four = [net.constant(np.float32([1.5, 2, 0.5, 3][i:i + 2])) for i in (0, 1, 0, 2)]
            yield net.op("Conv", image, net.weights(2, 2, 3, 3), net.weights(2), pads=[1, 0, 1, 2], strides=[2, 1])
            yield net.op("ConvTranspose", image, net.weights(2, 3, 3, 2), strides=[2, 1])
            yield net.op("BatchNormalization", image, *four)
            yield net.op("LRN", image, size=3)
            yield net.op("Gemm", row, net.weights(6, 3), net.weights(3))
            yield net.op("MatMul", net.weights(6), net.weights(2, 6, 3))
            for kind in ("MaxPool", "AveragePool"):
                yield net.op(kind, image, kernel_shape=[2, 2], pads=[1, 0, 0, 1], strides=[1, 2])
            for kind in ("GlobalAveragePool", "GlobalMaxPool"):
                yield net.op(kind, image)
            for kind in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceSumSquare", "ReduceSum"):
                yield net.op(kind, row, np.int64([1]))
            yield net.op("LogSoftmax", row)

        net = Graph([1])
        self.check(net, *(net.op("Mul", value, "x") for value in layers(net)))

    def test_choice_by_a_mask(self):
        net = Graph([2, 5])
        y = net.op("Where", np.arange(5) % 2 == 0, net.op("Relu", "x"), net.weights(2, 2, 5))
        self.check(net, net.op("Where", np.arange(20).reshape(2, 2, 5) < 7, net.op("Neg", "x"), y))

    def test_selection(self):
        net = Graph([1, 5, 3])
        values, indices = net.op("TopK", "x", np.int64([2]), outputs=2, axis=1)
        soft = net.op("Softmax", "x", axis=1)
        self.check(net, values, indices, soft)

    def test_reshapes_of_what_the_client_computes(self):
        net = Graph([1, 5, 3, 2])
        flat = net.op("Flatten", net.op("Softmax", "x", axis=1))
        _, indices = net.op("TopK", "x", np.int64([2]), outputs=2, axis=1)
        self.check(net, flat, net.op("Reshape", indices, np.int64([3, 4])))

    def test_quantised_pairs(self):
        net = Graph([1, 3, 8, 8], opset=19)

        def pair(value, scale, zero=np.int8(0), **attributes):
            q = net.op("QuantizeLinear", value, np.float32(scale), zero, **attributes)
            return net.op("DequantizeLinear", q, np.float32(scale), zero, **attributes)

        def conv(value, inputs, outputs):
            weight = net.random.integers(-127, 128, (outputs, inputs, 3, 3)).astype(np.int8)
            weight = net.op("DequantizeLinear", weight, net.random.uniform(0.001, 0.004, outputs).astype(np.float32),
                            np.zeros(outputs, np.int8), axis=0)
            return net.op("Conv", value, weight, pads=[1] * 4)

        y = pair("x", 0.04)
        y = pair(net.op("Relu", conv(y, 3, 4)), 0.01, np.uint8(0))
        y = net.op("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
        self.check(net, pair(conv(y, 4, 4), 0.02, np.int8(3)), tolerance=0.05)


if __name__ == "__main__":
    if not (BIN / "gfscc").exists():
        print(f"SKIPPED: no {BIN}/gfscc", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
