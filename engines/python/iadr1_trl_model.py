"""A checkpoint folder as transformers opens it, the part of it that learns, and the rows of a stage as its processor takes them."""

import functools
import itertools
import json
import os

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

__all__ = ["SupervisedCollator", "Rows", "open_model", "open_processor", "precision_of"]


def precision_of(wish, use_cpu):
    """The number format of the arithmetic: what was asked for, else bfloat16 on cards that have it."""
    if wish != "auto":
        return getattr(torch, wish)
    return torch.bfloat16 if not use_cpu and torch.cuda.is_available() and torch.cuda.is_bf16_supported() else torch.float32


def open_processor(folder):
    """Tokenizer, chat template and picture processor. Without torchvision the half that reads videos is left out."""
    processor = opened(folder)
    processor.image_processor.__class__ = once_a_group(type(processor.image_processor))
    return processor


def opened(folder):
    try:
        return AutoProcessor.from_pretrained(folder, local_files_only=True)
    except (ImportError, ValueError, OSError) as error:
        try:
            import torchvision  # noqa: F401
        except ImportError:
            return without_video(folder, error)
        raise


def without_video(folder, cause):
    name = read_json(folder, "processor_config.json").get("processor_class") or read_json(folder, "preprocessor_config.json").get(
        "processor_class"
    )
    kind = getattr(transformers, name or "", None)
    if kind is None:
        raise cause

    class WithoutVideo(kind):
        def check_argument_for_proper_class(self, name, argument):
            return None if argument is None else super().check_argument_for_proper_class(name, argument)

        def save_pretrained(self, save_directory, **kwargs):
            """Checkpoints are given the files of the base as they are."""
            return []

    known = ("num_image_tokens", "vision_feature_select_strategy", "patch_size", "num_additional_image_tokens", "vision_aspect_ratio")
    settings = {key: value for key, value in read_json(folder, "processor_config.json").items() if key in known}
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    template = os.path.join(folder, "chat_template.jinja")
    if os.path.exists(template):
        with open(template, encoding="utf-8") as file:
            settings["chat_template"] = file.read()
    else:
        settings["chat_template"] = read_json(folder, "chat_template.json").get("chat_template") or tokenizer.chat_template
    images = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    return WithoutVideo(image_processor=images, tokenizer=tokenizer, video_processor=None, **settings)


def read_json(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def once_a_group(kind):
    """A picture processor that works once on what several rows show. TRL gives it every row of a group, and all of them show the same pictures
    (the same objects: `Rows` keeps them), twice a step."""

    class OnceAGroup(kind):
        def __call__(self, images, *args, **kwargs):
            rows = list(images) if isinstance(images, (list, tuple)) else []
            if not rows or not all(isinstance(row, (list, tuple)) for row in rows):
                return super().__call__(images, *args, **kwargs)
            different = {tuple(map(id, row)): row for row in rows}
            sizes = [len(row) for row in different.values()]
            # As many pictures as rows, but not one each: what is of a row and what of a picture could not be told apart.
            is_unclear = sum(sizes) == len(sizes) and any(size != 1 for size in sizes)
            if len(different) < len(rows) and not is_unclear:
                numbers = {key: number for number, key in enumerate(different)}
                given = super().__call__(list(different.values()), *args, **kwargs)
                repeated = repeated_rows(given, sizes, [numbers[tuple(map(id, row))] for row in rows])
                if repeated is not None:
                    return type(given)(data=repeated)
            return super().__call__(images, *args, **kwargs)

    # Processors check the name of the class.
    OnceAGroup.__name__ = kind.__name__
    return OnceAGroup


def repeated_rows(given, sizes, which):
    """What a picture processor gives for some rows, for rows that repeat them.

    @param sizes pictures of each row that was processed
    @param which for each row that is wanted, the number of the processed one
    @returns None where it cannot be seen what belongs to which row
    """
    parts = {"row": [1] * len(sizes), "picture": sizes}
    if "image_grid_thw" in given:
        patches = iter([int(grid[0]) * int(grid[1]) * int(grid[2]) for grid in given["image_grid_thw"]])
        parts["patch"] = [sum(itertools.islice(patches, size)) for size in sizes]
    repeated = {}
    for name, values in given.items():
        unit = next((unit for unit in ("patch", "picture", "row") if unit in parts and sum(parts[unit]) == len(values)), None)
        if unit is None:
            return None
        ends = list(itertools.accumulate(parts[unit]))
        wanted = [one for row in which for one in range(ends[row] - parts[unit][row], ends[row])]
        repeated[name] = [values[one] for one in wanted] if isinstance(values, list) else values[wanted]
    return repeated


def saved_modules(model, names):
    """Full names of the language model's modules that end with one of these; PEFT alone would take "norm" for every name behind it."""
    modules = [
        name
        for name, module in model.named_modules()
        if name.split(".")[-1] in names
        and ("language_model" in name or name.split(".")[-1] == "lm_head")
        and any(True for _ in module.parameters(recurse=False))
    ]
    missing = [one for one in names if not any(name.split(".")[-1] == one for name in modules)]
    if missing:
        raise ValueError(f"The language model has no module {missing[0]!r} to be saved in full.")
    return modules


def open_model(job, dtype):
    """The model of a job with what learns marked: an adapter, the language model, or everything.

    Weights that learn are kept in float32, also where the arithmetic is bfloat16: small steps would be rounded away.
    """
    learns = job["trainable"]
    model = AutoModelForImageTextToText.from_pretrained(
        job["model"]["base"], dtype=dtype if learns == "lora" else torch.float32, local_files_only=True
    )
    # Nothing here writes into it; the default of some checkpoints warns at every step.
    model.config.use_cache = False
    if learns == "lora":
        adapter = job["model"]["adapter"]
        if adapter is not None:
            return PeftModel.from_pretrained(model, adapter, is_trainable=True)
        targets = "|".join(job["lora"]["targets"])
        saves = job["lora"].get("saves", [])
        lora = LoraConfig(
            task_type="CAUSAL_LM",
            r=job["lora"]["r"],
            lora_alpha=job["lora"]["alpha"],
            lora_dropout=0.0,
            target_modules=rf"^(?:.*\.)?language_model\..*\.(?:{targets})$",
            modules_to_save=saved_modules(model, saves) if saves else None,
        )
        return get_peft_model(model, lora)
    for name, parameter in model.named_parameters():
        language = "language_model" in name or "lm_head" in name
        parameter.requires_grad_(learns == "all" or language)
    return model


class Rows:
    """The rows of a stage, in the order in which they are used; a picture is read when its row is."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.rows = [json.loads(line) for line in file]
        self._last = functools.lru_cache(maxsize=4)(lambda paths: [picture(path) for path in paths])

    def __len__(self):
        return len(self.rows)

    def pictures(self, row):
        """The same objects for the rows of a group, which are asked for one after the other."""
        return self._last(tuple(self.rows[row]["pictures"]))

    def messages(self, row):
        """Messages whose picture parts hold the pictures."""
        pictures = iter(self.pictures(row))
        return [
            {
                "role": message["role"],
                "content": [
                    {"type": "image", "image": next(pictures)} if part["type"] == "image" else part
                    for part in parts_of(message["content"])
                ],
            }
            for message in self.rows[row]["messages"]
        ]


def parts_of(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def picture(path):
    with Image.open(path) as image:
        return image.convert("RGB")


class SupervisedCollator:
    """Rows as one batch: the prompt as the processor writes it, then the answer and the end token, which alone are learnt."""

    def __init__(self, processor, rows, end_token, max_length):
        self.processor = processor
        self.rows = rows
        self.end_token = end_token
        self.max_length = max_length
        self.num_cut = 0

    def __call__(self, examples):
        numbers = [example["row"] for example in examples]
        texts = [
            self.processor.apply_chat_template(self.rows.messages(row), add_generation_prompt=True, tokenize=False)
            for row in numbers
        ]
        pictures = [self.rows.pictures(row) for row in numbers]
        # Tokens that the model wants around a text, unless its template wrote them.
        bos = self.processor.tokenizer.bos_token
        begun = bool(bos) and texts[0].startswith(bos)
        batch = self.processor(
            text=texts,
            images=pictures if any(pictures) else None,
            padding=True,
            padding_side="right",
            return_tensors="pt",
            add_special_tokens=not begun,
        )
        lengths = batch["attention_mask"].sum(1).tolist()
        answers = [self.answer(row, length) for row, length in zip(numbers, lengths)]
        width = max(length + len(answer) for length, answer in zip(lengths, answers))
        pad = self.processor.tokenizer.pad_token_id or 0
        shape = tuple(batch["input_ids"].shape)
        ids = torch.full((shape[0], width), pad, dtype=torch.long)
        mask = torch.zeros((shape[0], width), dtype=torch.long)
        labels = torch.full((shape[0], width), -100, dtype=torch.long)
        for i, (length, answer) in enumerate(zip(lengths, answers)):
            end = length + len(answer)
            ids[i, :length] = batch["input_ids"][i, :length]
            ids[i, length:end] = torch.tensor(answer)
            mask[i, :end] = 1
            labels[i, length:end] = ids[i, length:end]
        result = dict(batch)
        for name, values in batch.items():
            # What kind of token each one is: an answer has no pictures.
            if name.endswith("token_type_ids") and tuple(values.shape) == shape:
                result[name] = torch.zeros((shape[0], width), dtype=values.dtype)
                result[name][:, : min(width, shape[1])] = values[:, :width]
        result.update(input_ids=ids, attention_mask=mask, labels=labels)
        return result

    def answer(self, row, prompt_length):
        ids = self.processor.tokenizer.encode(self.rows.rows[row]["answer"], add_special_tokens=False) + [self.end_token]
        room = self.max_length - prompt_length
        if room < 1:
            raise ValueError(
                f"A prompt has {prompt_length} tokens, the limit is {self.max_length}. "
                "Raise maxLength, use smaller pictures, or fewer reference images."
            )
        self.num_cut += len(ids) > room
        return ids[:room]
