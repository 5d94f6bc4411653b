# SPDX-License-Identifier: Apache-2.0
"""Cases of ONNX's own conformance data as private inferences: which are in scope, and in which variants.

A case is a folder of libonnx-testdata: a model of one or a few nodes, inputs and expected outputs. Operands that are
weights or parameters in a network become initialisers, as do operands no node reads; what remains is secret. A case of
an operator with several secret operands has variants with one of them constant.
"""
import pathlib
import tomllib
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, defs, numpy_helper, version_converter

HERE = pathlib.Path(__file__).resolve().parent
SUITES = ("node", "pytorch-converted", "pytorch-operator", "simple")
OLDEST_OPSET = 7
SCOPE = tomllib.loads((HERE / "scope.toml").read_text())
REASONS = {operator: reason for reason, operators in SCOPE["out_of_scope"].items() for operator in operators}


class OutOfScope(Exception):
    """Why a case is left out."""


@dataclass
class Case:
    """One private inference. `inputs` and `outputs`: secret inputs and expected outputs by name, in the model's order."""

    name: str
    operators: list
    model: onnx.ModelProto = None
    inputs: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    skipped: str = ""


def find_data():
    """The folder of libonnx-testdata; None if it is not installed."""
    folder = pathlib.Path("/usr/share/libonnx-testdata/data")
    return folder if folder.is_dir() else None


def type_name(value):
    """"FLOAT" and so on; "" for what is no tensor."""
    return TensorProto.DataType.Name(value.type.tensor_type.elem_type) if value.type.HasField("tensor_type") else ""


def operator_names(model):
    return sorted({node.op_type for node in model.graph.node})


def check_operators(model):
    """Raises OutOfScope for an operator outside the scope; the most telling one if there are several."""
    foreign = [name for name in operator_names(model) if name not in SCOPE["operators"]]
    if foreign:
        first = min(foreign, key=lambda name: (list(REASONS).index(name) if name in REASONS else len(REASONS), name))
        raise OutOfScope(REASONS.get(first, f"operator {first} is not listed"))


def read_values(folder, kind, values):
    """Arrays of test_data_set_0 by name, in the order of the model's inputs or outputs."""
    arrays = {}
    for index, value in enumerate(values):
        tensor = onnx.load_tensor(str(folder / "test_data_set_0" / f"{kind}_{index}.pb"))
        arrays[value.name] = numpy_helper.to_array(tensor)
    return arrays


def parameters(node):
    """Indices of the operands of `node` that become constants."""
    chosen = SCOPE["operators"][node.op_type]
    return range(1, len(node.input)) if chosen == [-1] else chosen


def constant_inputs(model, inputs, variant):
    """Names of inputs that become initialisers."""
    constant = {node.input[index] for node in model.graph.node for index in parameters(node) if index < len(node.input)}
    read = {name for node in model.graph.node for name in node.input}
    constant |= {name for name in inputs if name not in read}
    secret = [name for name in inputs if name not in constant]
    if variant == "constant-right":
        constant.add(secret[-1])
    elif variant == "constant-left":
        constant.add(secret[0])
    return constant & set(inputs)


def make_constant(model, arrays):
    """Turns inputs into initialisers. Before IR version 4 these have to stay listed as inputs."""
    kept = [value for value in model.graph.input if value.name not in arrays]
    if model.ir_version >= 4:
        del model.graph.input[:]
        model.graph.input.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())


def spread_slopes(model, node):
    """Slopes [c] belong to channels in opset 6, to the last axis from opset 7 on: makes them [c, 1, …]."""
    rank = next(len(value.type.tensor_type.shape.dim) for value in model.graph.input if value.name == node.input[0])
    for tensor in model.graph.initializer:
        if tensor.name == node.input[1]:
            tensor.dims.extend([1] * (rank - 2))
    for value in model.graph.input:
        if value.name == node.input[1]:
            for _ in range(rank - 2):
                value.type.tensor_type.shape.dim.add(dim_value=1)


def modernise(model):
    """A copy of the model. Those of opset 6, older than anything GFS reads, become opset 7: by changing the number where
    no operator changed, else by ONNX's own converter."""
    version = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if version >= OLDEST_OPSET:
        return copy
    if all(defs.get_schema(node.op_type, version).since_version == defs.get_schema(node.op_type, OLDEST_OPSET).since_version
           for node in model.graph.node):
        del copy.opset_import[:]
        copy.opset_import.extend([onnx.helper.make_opsetid("", OLDEST_OPSET)])
        return copy
    for node in model.graph.node:
        if node.op_type == "PRelu":
            spread_slopes(copy, node)
    try:
        return version_converter.convert_version(copy, OLDEST_OPSET)
    except Exception as error:
        raise OutOfScope(f"opset {version}, which onnx.version_converter does not convert") from error


def check_dataflow(model, secret):
    """Raises OutOfScope where a secret reaches an operand that GFS takes as public only."""
    public_only = set(SCOPE["public_only"]["operators"])
    secret = set(secret)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        tainted = [index for index, name in enumerate(node.input) if name in secret]
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        if not tainted or node.op_type in ("Shape", "Size"):
            continue
        if node.op_type in public_only:
            raise OutOfScope(f"{node.op_type} of a secret value")
        if node.op_type == "Pow":
            exponent = constants.get(node.input[1])
            if exponent is None or len(np.unique(exponent)) != 1 or not float(exponent.flat[0]).is_integer():
                raise OutOfScope("exponent that is not one constant integer")
        addend = {2} if node.op_type == "Gemm" else set()
        if (set(parameters(node)) - addend) & set(tainted):
            raise OutOfScope(f"parameter of {node.op_type} that is a secret value")
        secret |= set(node.output)
    if not {value.name for value in model.graph.output} & secret:
        raise OutOfScope("result that depends on no secret value")


def check_modes(model, arrays):
    """Raises OutOfScope for training modes and for outputs that only training has."""
    for node in model.graph.node:
        attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        if node.op_type == "BatchNormalization" and attributes.get("training_mode"):
            raise OutOfScope("training mode")
        if node.op_type == "Dropout" and len(node.input) > 2 and bool(arrays.get(node.input[2], False)):
            raise OutOfScope("training mode")
        if node.op_type in ("MaxPool", "Dropout") and len([name for name in node.output if name]) > 1:
            raise OutOfScope("mask of a dropout, or positions of maxima, as output")
        if node.op_type == "Resize" and attributes.get("mode") == b"cubic":
            raise OutOfScope("cubic interpolation")
        if node.op_type == "Resize" and attributes.get("coordinate_transformation_mode") == b"tf_crop_and_resize":
            raise OutOfScope("crop and resize")


def check_values(model, secret, arrays, outputs):
    """Raises OutOfScope for element types and shapes outside the scope."""
    allowed = {"FLOAT"}.union(*(SCOPE["types"].get(name, []) for name in operator_names(model)))
    for value in (*(v for v in model.graph.input if v.name in secret), *model.graph.output):
        name = type_name(value)
        if name not in allowed:
            raise OutOfScope("sequences, optionals or strings" if name in ("", "STRING") else f"{name.lower()} tensors")
    for array in (*(arrays[name] for name in secret), *outputs.values()):
        if array.size == 0:
            raise OutOfScope("empty tensors")


def variants(folder, suite):
    """The cases of one folder: in scope ones with model and arrays, or a single one that says why it is skipped."""
    base = f"{suite}/{folder.name.removeprefix('test_')}"
    raw = onnx.load(str(folder / "model.onnx"))
    operators = operator_names(raw)
    try:
        check_operators(raw)
        initialised = {tensor.name for tensor in raw.graph.initializer}
        values = [value for value in raw.graph.input if value.name not in initialised]
        if any(type_name(value) in ("", "STRING") for value in (*values, *raw.graph.output)):
            raise OutOfScope("sequences, optionals or strings")
        inputs = read_values(folder, "input", values)
        outputs = read_values(folder, "output", raw.graph.output)
        check_modes(raw, inputs)
        names = SCOPE["variants"].get(operators[0], ["secret"]) if len(operators) == 1 and len(inputs) > 1 else ["secret"]
        return [make_case(base, variant, raw, operators, inputs, outputs) for variant in names]
    except OutOfScope as reason:
        return [Case(base, operators, skipped=str(reason))]


def make_case(base, variant, raw, operators, inputs, outputs):
    constant = constant_inputs(raw, inputs, variant)
    secret = [name for name in inputs if name not in constant]
    check_values(raw, secret, inputs, outputs)
    model = modernise(raw)
    make_constant(model, {name: inputs[name] for name in inputs if name in constant})
    check_dataflow(model, secret)
    name = base if variant == "secret" else f"{base}@{variant}"
    return Case(name, operators, model, {name: inputs[name] for name in secret}, outputs)


def all_cases(data):
    """Every case of every suite, in a fixed order."""
    found = []
    for suite in SUITES:
        for folder in sorted((data / suite).iterdir()):
            if (folder / "model.onnx").exists():
                found += variants(folder, suite)
    return found


def summary():
    """Counts by reason, for whoever edits the scope."""
    found = all_cases(find_data())
    skipped = [case for case in found if case.skipped]
    reasons = {}
    for case in skipped:
        reasons.setdefault(case.skipped, []).append(case.name)
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):4}  {reason}: {' '.join(sorted(n.split('/')[1] for n in names)[:4])}")
    print(f"{len(skipped):4}  skipped of {len(found)}; {len(found) - len(skipped)} in scope")


if __name__ == "__main__":
    summary()
