"""Writes operators.json: inputs, outputs and gradients of neural operators as PyTorch computes them.

Run it in an environment with PyTorch (2.x): python test/reference/operators/make.py
Every number is rounded to 8 significant digits. The gradient is that of sum(weight * output).
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(7)
cases = {}


def numbers(tensor):
    flat = tensor.detach().double().flatten().tolist()
    return {"shape": list(tensor.shape), "data": [float(f"{x:.8g}") for x in flat]}


def case(name, function, constants=(), **inputs):
    leaves = {k: v.double() if k in constants or not v.is_floating_point() else v.double().requires_grad_() for k, v in inputs.items()}
    leaves = {k: v.long() if not inputs[k].is_floating_point() else v for k, v in leaves.items()}
    output = function(**leaves)
    weight = torch.randn(output.shape, dtype=torch.float64)
    (output * weight).sum().backward()
    cases[name] = {
        "inputs": {k: {**numbers(v), "dtype": "float32" if v.is_floating_point() else "int64"} for k, v in leaves.items()},
        "weight": numbers(weight),
        "output": numbers(output),
        "gradients": {k: numbers(v.grad) for k, v in leaves.items() if v.grad is not None},
    }


def rotate(x, positions, cos, sin):
    c, s = cos[positions][:, None], sin[positions][:, None]
    x1, x2 = x.chunk(2, dim=-1)
    return torch.cat([x1 * c - x2 * s, x2 * c + x1 * s], dim=-1)


def grouped_attention(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.3, enable_gqa=True)


def clipped_objective(p, old, advantages):
    ratio = torch.exp(p - old)
    return -torch.min(ratio * advantages, torch.clamp(ratio, 0.8, 1.28) * advantages)


x = torch.randn(2, 3, 8)
case("linear", lambda x, w, bias: F.linear(x, w, bias), x=x, w=torch.randn(5, 8), bias=torch.randn(5))
case("gelu", lambda x: F.gelu(x), x=2 * x)
case("geluTanh", lambda x: F.gelu(x, approximate="tanh"), x=2 * x)
case("silu", lambda x: F.silu(x), x=2 * x)
case("softplus", lambda x: F.softplus(x), x=2 * x)
case("softmax", lambda x: F.softmax(x, -1), x=2 * x)
case("logSoftmax", lambda x: F.log_softmax(x, -1), x=2 * x)
case("layerNorm", lambda x, gain, bias: F.layer_norm(x, (8,), gain, bias, 1e-5), x=x, gain=torch.randn(8), bias=torch.randn(8))
case("rmsNorm", lambda x, gain: F.rms_norm(x, (8,), gain, 1e-6), x=x, gain=torch.randn(8))
case("embedding", lambda ids, table: F.embedding(ids, table), ids=torch.tensor([[1, 4, 1], [0, 1, 4]]), table=torch.randn(6, 4))
case(
    "crossEntropy",
    lambda logits, targets: F.cross_entropy(logits, targets, reduction="none"),
    logits=3 * torch.randn(5, 7),
    targets=torch.tensor([6, 0, 3, 3, 1]),
)
case(
    "rotary",
    rotate,
    constants=("cos", "sin"),
    x=torch.randn(2, 3, 4, 8),
    positions=torch.tensor([[0, 1, 2, 3], [2, 3, 4, 5]]),
    cos=torch.cos(torch.arange(6)[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.03])),
    sin=torch.sin(torch.arange(6)[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.03])),
)
case(
    "attention",
    grouped_attention,
    constants=("mask",),
    q=torch.randn(2, 6, 4, 8),
    k=torch.randn(2, 2, 4, 8),
    v=torch.randn(2, 2, 4, 8),
    mask=torch.triu(torch.full((4, 4), -1e9), 1),
)
case("minimum", lambda a, b: torch.minimum(a, b), a=torch.tensor([1.0, 2.0, 3.0]), b=torch.tensor([2.0, 2.0, 1.0]))
case("amax", lambda x: torch.amax(x, 1), x=torch.tensor([[1.0, 3.0, 3.0], [5.0, 2.0, 1.0]]))
case(
    "clippedObjective",
    clipped_objective,
    constants=("old", "advantages"),
    p=torch.tensor([-1.0, -1.0, -2.0, -0.5, -1.5]),
    old=torch.tensor([-1.0, -2.0, -1.0, -0.9, -1.1]),
    advantages=torch.tensor([1.0, 1.0, -1.0, -1.0, 0.7]),
)

target = pathlib.Path(__file__).with_name("operators.json")
target.write_text(json.dumps({"torch": torch.__version__.split("+")[0], "cases": cases}) + "\n")
