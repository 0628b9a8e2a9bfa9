"""Checks written models with the official onnx package: format, operators, shapes, and numbers where given.

Reads a JSON list of {"file", "feeds"?, "results"?} from standard input and prints one JSON object per model:
{"file", "problems": [...], "nodes", "custom", "shapes", "unknown", "numbers"}. Not part of the product; tests call it.

What is covered: onnx.checker (full_check) on every model, with its external data; strict shape inference of every value,
compared with the shapes our graph states; the reference evaluator on models that come with numbers. What is not:
operators of com.microsoft are known to ONNX Runtime only. Their attributes are not checked, their output shapes are
taken as stated, and SimplifiedLayerNormalization, which ONNX Runtime keeps in the official domain, is moved there first.
"""

import json
import os
import sys

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

CUSTOM = "com.microsoft"
RUNTIME_ONLY = {"SimplifiedLayerNormalization"}
ARRAYS = {"float32": np.float32, "float64": np.float64, "int64": np.int64, "int32": np.int32, "bool": np.bool_}


def move_runtime_operators(model):
    moved = False
    for node in model.graph.node:
        if node.op_type in RUNTIME_ONLY and node.domain == "":
            node.domain = CUSTOM
            moved = True
    if moved and all(entry.domain != CUSTOM for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(CUSTOM, 1))


def described(info):
    """(element type, [int or str]) of a tensor, None where a length is unknown; None for sequences and missing shapes."""
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type" or not info.type.tensor_type.HasField("shape"):
        return None
    dims = [
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
        for dim in info.type.tensor_type.shape.dim
    ]
    return info.type.tensor_type.elem_type, dims


def compare_shapes(model, report):
    """Infers every shape anew from the inputs and holds it against what the file states."""
    graph = model.graph
    stated = {info.name: described(info) for info in [*graph.value_info, *graph.output]}
    lengths = {dim for info in graph.input for dim in (described(info) or (0, []))[1] if isinstance(dim, str)}
    custom = {name for node in graph.node if node.domain == CUSTOM for name in node.output if name}
    report["custom"] = sum(node.domain == CUSTOM for node in graph.node)
    kept = [info for info in graph.value_info if info.name in custom]
    del graph.value_info[:]
    graph.value_info.extend(kept)
    for info in graph.output:
        if info.name not in custom and info.type.WhichOneof("value") == "tensor_type":
            info.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    found = {info.name: described(info) for info in [*inferred.value_info, *inferred.output]}
    for name, ours in stated.items():
        if name in custom or ours is None:
            continue
        theirs = found.get(name)
        if theirs is None:
            report["unknown"] += 1
            continue
        report["shapes"] += 1
        same = ours[0] == theirs[0] and len(ours[1]) == len(theirs[1])
        for mine, other in zip(ours[1], theirs[1]):
            # The onnx package knows numbers and names, no products of them: other names are its own inventions.
            if isinstance(other, int) or other in lengths:
                same = same and mine == other
        if not same:
            report["problems"].append(f"{name}: stated {ours}, inferred {theirs}")


def compare_numbers(model, feeds, results, report):
    inputs = {name: to_array(value) for name, value in feeds.items()}
    names = [output.name for output in model.graph.output if output.name in results]
    values = ReferenceEvaluator(model).run(names, inputs)
    for name, value in zip(names, values):
        expected = to_array(results[name])
        scale = max(1e-3, float(np.max(np.abs(expected), initial=0)))
        if value.shape != expected.shape or float(np.max(np.abs(value - expected), initial=0)) > 1e-4 * scale:
            report["problems"].append(f"{name}: reference evaluator gives {value.tolist()}, expected {expected.tolist()}")
        report["numbers"] += value.size


def to_array(value):
    return np.array(value["data"], dtype=ARRAYS[value["dtype"]]).reshape(value["shape"])


def check(entry):
    path = entry["file"]
    report = {"file": path, "problems": [], "nodes": 0, "custom": 0, "shapes": 0, "unknown": 0, "numbers": 0}
    try:
        model = onnx.load(path, load_external_data=False)
        report["nodes"] = len(model.graph.node)
        before = model.SerializeToString()
        move_runtime_operators(model)
        if model.SerializeToString() == before:
            onnx.checker.check_model(path, full_check=True)
        else:
            # By path, so that the external data is looked at too.
            moved = path.removesuffix(".onnx") + ".moved.onnx"
            onnx.save(model, moved)
            onnx.checker.check_model(moved, full_check=True)
            os.remove(moved)
        if "feeds" in entry:
            compare_numbers(onnx.load(path), entry["feeds"], entry["results"], report)
        compare_shapes(model, report)
    except Exception as error:  # every kind of refusal is a finding
        report["problems"].append(f"{type(error).__name__}: {str(error)[:2000]}")
    return report


for entry in json.load(sys.stdin):
    print(json.dumps(check(entry)), flush=True)
