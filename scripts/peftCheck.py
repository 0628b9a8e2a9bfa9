"""
Both directions of the checkpoint formats, driven by test/python/checkpoints.python.ts:

  make FOLDER CHECKPOINT   writes adapters of several kinds on a checkpoint with PEFT, and the logits of base + adapter
  load CHECKPOINT [ADAPTER] prints the logits that transformers and PEFT compute from files of ours

Token ids come from standard input as a JSON list of lists; pictures are not needed to tell weights apart.
"""

import json
import os
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText

KINDS = {
    # Bare names hit the vision tower as well.
    "names-rslora": dict(r=4, lora_alpha=5, use_rslora=True, target_modules=["q_proj", "v_proj"]),
    "patterns": dict(
        r=2,
        lora_alpha=8,
        target_modules=r".*language_model.*\.(q_proj|k_proj|down_proj)",
        exclude_modules=r".*layers\.0.*k_proj",
        rank_pattern={"down_proj": 6, r"layers\.1\.self_attn\.q_proj": 3},
        alpha_pattern={"down_proj": 3},
    ),
    "saved-norm": dict(r=3, lora_alpha=6, target_modules=["gate_proj"], modules_to_save=["norm"]),
    "all-linear-one-layer": dict(r=2, lora_alpha=2, target_modules=["up_proj", "o_proj"], layers_to_transform=[1]),
}


def base(folder):
    model = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval()


def logits(model, rows):
    with torch.no_grad():
        return [model(input_ids=torch.tensor([row])).logits[0].flatten().tolist() for row in rows]


def make(folder, checkpoint, rows):
    for kind, settings in KINDS.items():
        torch.manual_seed(len(kind))
        model = get_peft_model(base(checkpoint), LoraConfig(task_type="CAUSAL_LM", **settings))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_" in name or "modules_to_save" in name:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        target = os.path.join(folder, kind)
        model.save_pretrained(target)
        values = logits(model.eval(), rows)
        save_file({f"{i}": torch.tensor(value) for i, value in enumerate(values)}, os.path.join(target, "logits.safetensors"))


def load(checkpoint, adapter, rows):
    model = base(checkpoint)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter).eval()
    return logits(model, rows)


if __name__ == "__main__":
    token_rows = json.load(sys.stdin)
    torch.set_num_threads(1)
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3], token_rows)
    else:
        json.dump(load(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None, token_rows), sys.stdout)
