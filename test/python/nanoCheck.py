"""
The embedded model in transformers, driven by test/python/nano.python.ts: prompts with pictures through the processor and the
model of the original libraries.

Reads {"checkpoint", "adapter" or null, "pictures": [path], "question", "steps", "out"} from standard input and writes for each
picture i: input_ids.i, pixel_values.i [S, 3, H, W], logits.i (the last 8 positions), greedy.i to the safetensors file "out".
"""

import json
import os
import sys

import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    AutoTokenizer,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessorPil,
    LlavaOnevisionProcessor,
)


class WithoutVideo(LlavaOnevisionProcessor):
    """The processor without its video half, which would need torchvision."""

    def check_argument_for_proper_class(self, name, argument):
        return None if argument is None else super().check_argument_for_proper_class(name, argument)


def load_processor(folder):
    with open(os.path.join(folder, "processor_config.json"), encoding="utf-8") as file:
        settings = json.load(file)
    with open(os.path.join(folder, "chat_template.jinja"), encoding="utf-8") as file:
        template = file.read()
    return WithoutVideo(
        image_processor=LlavaOnevisionImageProcessorPil.from_pretrained(folder),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        video_processor=None,
        num_image_tokens=settings["num_image_tokens"],
        vision_feature_select_strategy=settings["vision_feature_select_strategy"],
        chat_template=template,
    )


def main():
    request = json.load(sys.stdin)
    torch.set_num_threads(1)
    processor = load_processor(request["checkpoint"])
    model = LlavaOnevisionForConditionalGeneration.from_pretrained(
        request["checkpoint"], dtype=torch.float32, attn_implementation="eager"
    ).eval()
    if request["adapter"] is not None:
        model = PeftModel.from_pretrained(model, request["adapter"]).eval()
    content = [{"type": "image"}, {"type": "text", "text": request["question"]}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    tensors = {}
    for i, path in enumerate(request["pictures"]):
        batch = processor(text=text, images=[Image.open(path).convert("RGB")], return_tensors="pt")
        with torch.no_grad():
            logits = model(**batch).logits[0, -8:].contiguous()
            greedy = model.generate(
                **batch, do_sample=False, max_new_tokens=request["steps"], min_new_tokens=request["steps"], eos_token_id=None
            )
        tensors[f"input_ids.{i}"] = batch["input_ids"][0].contiguous()
        tensors[f"pixel_values.{i}"] = batch["pixel_values"][0].contiguous()
        tensors[f"logits.{i}"] = logits
        tensors[f"greedy.{i}"] = greedy[0, batch["input_ids"].shape[1] :].contiguous()
    save_file(tensors, request["out"])


if __name__ == "__main__":
    main()
