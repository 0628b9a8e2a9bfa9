"""
AdamW, clipping and learning rates of the original libraries, driven by test/python/optimizer.python.ts.

Reads {"weights": {name: [numbers]}, "gradients": [{name: [numbers]}], "settings", "schedule"} from standard input and prints
{"rates": [...], "norms": [...], "weights": {name: [numbers]}}.
"""

import json
import sys

import torch
from transformers import get_scheduler

NAMES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


def main():
    request = json.load(sys.stdin)
    settings, schedule = request["settings"], request["schedule"]
    torch.set_num_threads(1)
    weights = {name: torch.nn.Parameter(torch.tensor(values, dtype=torch.float32)) for name, values in request["weights"].items()}
    decays = [weight for name, weight in weights.items() if name not in settings["withoutDecay"]]
    others = [weight for name, weight in weights.items() if name in settings["withoutDecay"]]
    optimizer = torch.optim.AdamW(
        [
            {"params": decays, "weight_decay": settings["weightDecay"]},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=schedule["learningRate"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
        foreach=False,
    )
    scheduler = get_scheduler(
        NAMES[schedule["schedule"]],
        optimizer,
        num_warmup_steps=schedule["warmupSteps"],
        num_training_steps=schedule["totalSteps"],
    )
    rates, norms = [], []
    for gradients in request["gradients"]:
        for name, weight in weights.items():
            weight.grad = torch.tensor(gradients[name], dtype=torch.float32)
        norms.append(torch.nn.utils.clip_grad_norm_(weights.values(), settings["maxGradNorm"]).item())
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    result = {name: weight.detach().tolist() for name, weight in weights.items()}
    json.dump({"rates": rates, "norms": norms, "weights": result}, sys.stdout)


if __name__ == "__main__":
    main()
