"""One training stage of IAD-R1 by TRL: PA-SFT with SFTTrainer, SC-GRPO with GRPOTrainer. Started by a run whose `engine` is `trl`.

    python iadr1_trl.py JOB.json        (or: accelerate launch … iadr1_trl.py JOB.json)

The job says model, rows and settings. Rewards, rollout files, journal, curves and the wishes of people are the business of the run that
started this; they are asked for over a socket (iadr1_trl_link.py). Here: loading, generating, gradients, weights and optimiser on disk.
"""

import json
import os
import re
import shutil
import sys
import time
import traceback

import torch
from iadr1_trl_link import Link, rank
from iadr1_trl_model import Rows, SupervisedCollator, open_model, open_processor, precision_of


def versions():
    import accelerate
    import peft
    import transformers
    import trl

    packages = {"torch": torch, "transformers": transformers, "trl": trl, "peft": peft, "accelerate": accelerate}
    return {"python": sys.version.split()[0], **{name: module.__version__ for name, module in packages.items()}}


def common_arguments(job, dtype):
    """What both trainers are told. Nothing is reported or saved but through the run."""
    optimizer = job["optimizer"]
    return {
        "output_dir": job["folder"],
        "max_steps": job["optimizerSteps"],
        "per_device_train_batch_size": job["rowsPerPass"],
        "gradient_accumulation_steps": job["passesPerStep"],
        "learning_rate": optimizer["learningRate"],
        "lr_scheduler_type": optimizer["schedule"],
        "warmup_steps": optimizer["warmupSteps"],
        "weight_decay": optimizer["weightDecay"],
        "adam_beta1": optimizer["beta1"],
        "adam_beta2": optimizer["beta2"],
        "adam_epsilon": optimizer["epsilon"],
        "max_grad_norm": optimizer["maxGradNorm"],
        "optim": "adamw_torch",
        "gradient_checkpointing": job["recompute"],
        "bf16": dtype == torch.bfloat16,
        "use_cpu": job["useCpu"],
        "seed": job["seed"],
        "logging_steps": 1,
        # A loss that is not a number must be seen.
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        # A run may be held for days; the processes wait for the first one.
        "ddp_timeout": 30 * 24 * 3600,
    }


class Stage:
    """What both stages share: the talk after each optimiser step, and checkpoints."""

    def __init__(self, job, link):
        self.job = job
        self.link = link
        self.trainer = None
        self.tokens = 0
        self.logs = []
        self.dtype = precision_of(job["precision"], job["useCpu"])
        self.rows = Rows(job["rows"])
        self.processor = open_processor(job["model"]["base"])

    # -- several processes ------------------------------------------------------------------------------------------

    def told(self, say):
        """What the first process hears from the run, in all processes."""
        from accelerate.utils import broadcast_object_list

        heard = [say() if self.link is not None else None]
        return heard[0] if self.trainer.accelerator.num_processes == 1 else broadcast_object_list(heard)[0]

    def gathered(self, values):
        """A list of every process, one after the other; the same everywhere."""
        from accelerate.utils import gather_object

        return list(values) if self.trainer.accelerator.num_processes == 1 else gather_object(list(values))

    # -- steps ------------------------------------------------------------------------------------------------------

    def after_update(self, logs, control):
        """After each optimiser step. A step of the run may have several; it is told of after the last."""
        self.logs.append(dict(logs))
        updates = self.job["updatesPerStep"]
        number = self.trainer.state.global_step
        if number % updates != 0:
            return
        message = {"kind": "step", "step": number // updates, "logs": mean_of(self.logs)}
        self.logs = []
        message.update(self.step_facts())
        message["tokens"] = sum(self.gathered([self.tokens]))
        self.tokens = 0
        command = self.told(lambda: self.link.ask(message))
        while command["do"] == "save":
            self.save(command["folder"])
            command = self.told(lambda: self.link.ask({"kind": "saved"}))
        if command["do"] == "stop":
            control.should_training_stop = True

    def step_facts(self):
        return {}

    def callback(self):
        from transformers import TrainerCallback

        stage = self

        class Talk(TrainerCallback):
            def on_log(self, args, state, control, logs=None, **kwargs):
                # The last log of a training has no loss of a step.
                if logs is not None and "loss" in logs:
                    stage.after_update(logs, control)

        return Talk()

    # -- checkpoints ------------------------------------------------------------------------------------------------

    def save(self, folder):
        """Weights where other programs look for them, and below `trl/` all that Trainer needs to go on."""
        trainer = self.trainer
        place = trainer.args.output_dir
        trainer.args.output_dir = folder
        try:
            trainer._save_checkpoint(trainer.model, trial=None)
        finally:
            trainer.args.output_dir = place
        trainer.accelerator.wait_for_everyone()
        if trainer.is_world_process_zero():
            inside = os.path.join(folder, "trl")
            os.rename(os.path.join(folder, f"checkpoint-{trainer.state.global_step}"), inside)
            adapter = self.job["trainable"] == "lora"
            for name in os.listdir(inside):
                if (name.startswith("adapter_")) if adapter else is_model_file(name):
                    link_or_copy(os.path.join(inside, name), os.path.join(folder, name))
            readme = os.path.join(folder, "README.md")
            if os.path.exists(readme):
                os.remove(readme)
            if not adapter:
                base = self.job["model"]["base"]
                for name in os.listdir(base):
                    if is_processor_file(name) and not os.path.exists(os.path.join(folder, name)):
                        shutil.copyfile(os.path.join(base, name), os.path.join(folder, name))
        trainer.accelerator.wait_for_everyone()

    def train(self):
        self.trainer.add_callback(self.callback())
        resume = self.job["resume"]
        self.trainer.train(resume_from_checkpoint=resume if resume is not None else None)
        if self.link is not None:
            self.link.tell_last({"kind": "done"})


class Supervised(Stage):
    """PA-SFT: cross-entropy on what the assistant says, averaged over all labelled tokens of an optimiser step."""

    def __init__(self, job, link):
        super().__init__(job, link)
        from datasets import Dataset
        from torch.utils.data import SequentialSampler
        from trl import SFTConfig, SFTTrainer

        stage = self
        rows, processor, dtype = self.rows, self.processor, self.dtype

        class Trainer(SFTTrainer):
            def _get_train_sampler(self, *args, **kwargs):
                # The rows lie in the order in which they are used.
                return SequentialSampler(self.train_dataset)

            def get_decay_parameter_names(self, model):
                return decaying(model)

            def compute_loss(self, model, inputs, *args, **kwargs):
                stage.tokens += int(inputs["attention_mask"].sum())
                return super().compute_loss(model, inputs, *args, **kwargs)

        arguments = SFTConfig(
            **common_arguments(job, dtype),
            max_length=None,
            loss_type="nll",
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        self.collator = SupervisedCollator(processor, rows, job["endToken"], job["maxLength"])
        self.trainer = Trainer(
            model=open_model(job, dtype),
            args=arguments,
            train_dataset=Dataset.from_dict({"row": list(range(len(rows))), "images": [[] for _ in range(len(rows))]}),
            data_collator=self.collator,
            processing_class=processor,
            compute_loss_func=mean_over_labels,
        )

    def step_facts(self):
        return {"numCut": sum(self.gathered([self.collator.num_cut]))}


def decaying(model):
    """Names of the weights that decay: all but biases and norms, as `decaysInTraining` has it. The trainer's own rule misses some norms."""
    return [name for name, _ in model.named_parameters() if not re.search(r"\.bias$|norm|\.ln_q\.", name)]


def mean_over_labels(outputs, labels, num_items_in_batch=None):
    """Cross-entropy over all labelled tokens of the step. Several models would average inside each pass if left to themselves."""
    logits = outputs.logits[:, :-1].float()
    targets = labels[:, 1:].to(logits.device)
    total = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum")
    return total / (num_items_in_batch if num_items_in_batch is not None else (targets != -100).sum())


class Policy(Stage):
    """SC-GRPO. The run scores: one function that asks it for the totals of all completions of the step."""

    def __init__(self, job, link):
        super().__init__(job, link)
        from datasets import Dataset
        from trl import GRPOConfig, GRPOTrainer

        stage = self
        rows, processor, dtype = self.rows, self.processor, self.dtype
        self.started = time.perf_counter()
        self.advantages = []
        self.statistics = {}

        class Trainer(GRPOTrainer):
            def get_decay_parameter_names(self, model):
                return decaying(model)

            def _generate_and_score_completions(self, inputs):
                stage.started = time.perf_counter()
                output = super()._generate_and_score_completions(inputs)
                first = self.accelerator.process_index * len(inputs)
                # Completions are shuffled before the updates; so each keeps its number in the step.
                output["iadr1_number"] = torch.arange(first, first + len(inputs), device=self.accelerator.device)
                stage.advantages = stage.gathered(output["advantages"].tolist())
                stage.statistics = {}
                return output

            def _get_per_token_logps_and_entropies(self, model, *args, batch_num_images=None, **kwargs):
                pictures.begin(kwargs.get("num_images"))
                given = super()._get_per_token_logps_and_entropies(model, *args, **kwargs)
                pictures.begin(None)
                stage.last = given
                return given

            def _compute_loss(self, model, inputs):
                loss = super()._compute_loss(model, inputs)
                stage.note(inputs)
                return loss

        groups = job["groupSize"]
        arguments = GRPOConfig(
            **common_arguments(job, dtype),
            num_generations=groups,
            steps_per_generation=job["passesPerStep"],
            num_iterations=job["updatesPerStep"],
            max_completion_length=job["maxCompletionLength"],
            temperature=job["sampling"]["temperature"],
            top_k=job["sampling"]["topK"],
            top_p=job["sampling"]["topP"],
            repetition_penalty=job["sampling"]["repetitionPenalty"],
            beta=job["beta"],
            epsilon=job["epsilonLow"],
            epsilon_high=job["epsilonHigh"],
            loss_type=job["lossType"],
            scale_rewards=job["scaleRewards"],
            mask_truncated_completions=job["maskTruncated"],
            shuffle_dataset=False,
            log_completions=False,
            # The placeholder of a picture in an answer would ask for a picture that is not there.
            generation_kwargs={"suppress_tokens": placeholders(job)},
        )
        dataset = Dataset.from_dict({"row": list(range(len(rows)))}).with_transform(
            lambda batch: {"row": batch["row"], "prompt": [rows.messages(row) for row in batch["row"]]}
        )
        model = open_model(job, dtype)
        pictures = NumberOfPictures(model)
        self.trainer = Trainer(
            model=model, reward_funcs=[self.total], args=arguments, train_dataset=dataset, processing_class=processor
        )

    def total(self, prompts=None, completions=None, completion_ids=None, row=None, **kwargs):
        """The totals of the completions of this process; None where no reward says anything."""
        generate_ms = 1000 * (time.perf_counter() - self.started)
        mine = [{"row": int(number), "ids": [int(one) for one in ids]} for number, ids in zip(row, completion_ids)]
        everyones = self.gathered(mine)
        answer = self.told(lambda: self.link.ask({"kind": "score", "rows": everyones, "generateMs": generate_ms}))
        first = self.trainer.accelerator.process_index * len(mine)
        return answer["totals"][first : first + len(mine)]

    def note(self, inputs):
        """Means over the tokens of each completion, before the first update of the step has changed anything."""
        mask = inputs["completion_mask"]
        self.tokens += int(inputs["prompt_mask"].sum() + mask.sum())
        log_probs, entropies = self.last[0].detach(), self.last[1]
        sizes = mask.sum(1).clamp(min=1)
        reference = inputs.get("ref_per_token_logps")
        means = [(values * mask).sum(1) / sizes for values in (log_probs, entropies)]
        if reference is not None:
            difference = reference - log_probs
            means.append(((torch.exp(difference) - difference - 1) * mask).sum(1) / sizes)
        table = torch.stack(means, 1).float().tolist()
        for number, values in zip(inputs["iadr1_number"].tolist(), table):
            self.statistics.setdefault(number, values)

    def step_facts(self):
        everyones = dict(self.gathered(sorted(self.statistics.items())))
        rows = [everyones[number] for number in sorted(everyones)]
        return {
            "advantages": self.advantages,
            "meanLogProbs": [row[0] for row in rows],
            "entropies": [row[1] for row in rows],
            "refKl": [row[2] for row in rows] if rows and len(rows[0]) > 2 else None,
        }


def placeholders(job):
    with open(os.path.join(job["model"]["base"], "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    names = ("image_token_id", "image_token_index", "video_token_id", "video_token_index")
    return sorted({config[name] for name in names if isinstance(config.get(name), int)})


class NumberOfPictures:
    """LLaVA-OneVision cuts a single picture into tiles and several ones not. While it generates it is told which is which; TRL leaves that out
    where it asks for log-probabilities, so it is put in here, for the rows of each pass."""

    def __init__(self, model):
        self.counts, self.next = None, 0
        core = model.get_base_model() if hasattr(model, "get_base_model") else model
        if getattr(core.config, "model_type", "") == "llava_onevision":
            core.register_forward_pre_hook(self.add, with_kwargs=True)

    def begin(self, counts):
        """@param counts pictures of each row that comes now, pass after pass; None: the model is told by others"""
        self.counts, self.next = counts, 0

    def add(self, module, args, kwargs):
        if self.counts is not None and kwargs.get("image_sizes") is not None:
            first, self.next = self.next, self.next + len(kwargs["input_ids"])
            counts = self.counts[first : self.next]
            kwargs["batch_num_images"] = torch.tensor(counts, device=kwargs["input_ids"].device)
        return args, kwargs


def mean_of(logs):
    names = {name for log in logs for name, value in log.items() if isinstance(value, (int, float))}
    values = {name: [log[name] for log in logs if isinstance(log.get(name), (int, float))] for name in sorted(names)}
    return {name: sum(some) / len(some) for name, some in values.items()}


def is_model_file(name):
    return name.endswith(".safetensors") or name in ("config.json", "generation_config.json", "model.safetensors.index.json")


def is_processor_file(name):
    return name.endswith((".json", ".jinja", ".txt", ".model")) and not name.endswith(".index.json")


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    link = Link(int(os.environ["IADR1_TRL_PORT"]), os.environ["IADR1_TRL_TOKEN"]) if rank() == 0 else None
    try:
        if job["threads"] > 0:
            torch.set_num_threads(job["threads"])
        torch.manual_seed(job["seed"])
        stage = {"pa-sft": Supervised, "sc-grpo": Policy}[job["kind"]](job, link)
        if link is not None:
            accelerator = stage.trainer.accelerator
            parameters = sum(one.numel() for one in stage.trainer.model.parameters() if one.requires_grad)
            device = str(accelerator.device)
            link.tell(
                {
                    "kind": "ready",
                    "versions": versions(),
                    "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
                    "processes": accelerator.num_processes,
                    "trainableParameters": parameters,
                }
            )
        stage.train()
    except Exception as error:  # the run tells people; the trace is in its log
        traceback.print_exc()
        sys.stderr.flush()
        if link is not None:
            link.tell({"kind": "failed", "name": type(error).__name__, "message": str(error)[:4000]})
        raise SystemExit(1) from error
    # Leaves without waiting for libraries that do not end their threads.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
