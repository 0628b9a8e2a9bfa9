"""The peer of the benchmarks: the same checkpoint in PyTorch, transformers and TRL.

Reads one JSON command a line on stdin and answers with one JSON line, so that the benchmark can take turns: ours, theirs,
ours, theirs. Times are CPU seconds of this process (all threads), which neighbours on a shared machine disturb least.

Commands: {"do": NAME, ...arguments} with NAME one of info, load, sft_step, generate, read_write, grpo_prepare, grpo_step, peak_memory,
quit. An empty line or the end of the input quits as well.
"""

import json
import os
import resource
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch  # noqa: E402


class Peer:
    def __init__(self):
        self.model = None
        self.optimizer = None
        self.trainer = None

    def info(self, _):
        import transformers

        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        try:
            import trl

            versions["trl"] = trl.__version__
        except ImportError:
            pass
        return versions

    def load(self, command):
        """folder, threads, lora ({"r", "alpha"} or null), train (bool)"""
        from transformers import LlavaOnevisionForConditionalGeneration

        torch.set_num_threads(command["threads"])
        torch.manual_seed(0)
        # Eager attention and the default kernels: what a user gets without tuning is "sdpa"; we take the faster of both.
        model = LlavaOnevisionForConditionalGeneration.from_pretrained(
            command["folder"], dtype=torch.float32, attn_implementation=command.get("attention", "sdpa")
        )
        for parameter in model.model.vision_tower.parameters():
            parameter.requires_grad_(False)
        for parameter in model.model.multi_modal_projector.parameters():
            parameter.requires_grad_(False)
        model.model.image_newline.requires_grad_(False)
        if command.get("lora"):
            from peft import LoraConfig, get_peft_model

            linears = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
            config = LoraConfig(r=command["lora"]["r"], lora_alpha=command["lora"]["alpha"], target_modules=linears)
            model = get_peft_model(model, config)
        self.model = model
        if command.get("train"):
            model.train()
            trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
            self.optimizer = torch.optim.AdamW(trainable, lr=1e-4, weight_decay=0.01)
        else:
            model.eval()
        return {"parameters": sum(parameter.numel() for parameter in model.parameters())}

    def sft_step(self, command):
        """passes (rows of equal length, each), prompt: loss on the tokens after the first `prompt` of each row; text only."""
        passes = [torch.tensor(ids) for ids in command["passes"]]
        start = time.process_time()
        total = 0.0
        for ids in passes:
            labels = ids.clone()
            labels[:, : command["prompt"]] = -100
            loss = self.model(input_ids=ids, labels=labels, use_cache=False).loss / len(passes)
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return {"seconds": time.process_time() - start, "loss": total}

    def generate(self, command):
        """ids (rows of equal length), tokens: prefill of the text prompts and exactly `tokens` greedy tokens each."""
        ids = torch.tensor(command["ids"])
        start = time.process_time()
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=command["tokens"],
                min_new_tokens=command["tokens"],
                do_sample=False,
                suppress_tokens=command.get("suppress"),
                pad_token_id=0,
            )
        return {"seconds": time.process_time() - start, "first": output[0, ids.shape[1] :].tolist()}

    def read_write(self, command):
        """ids (rows of equal length), tokens: the prompts through the decoder, then greedy tokens one by one; seconds of each, with `clock` by the clock"""
        now = time.perf_counter if command.get("clock") else time.process_time
        ids = torch.tensor(command["ids"])
        first = []
        with torch.inference_mode():
            start = now()
            output = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
            read = now()
            for _ in range(command["tokens"]):
                ids = output.logits[:, -1:].argmax(-1)
                first.append(int(ids[0, 0]))
                output = self.model(input_ids=ids, past_key_values=output.past_key_values, use_cache=True)
            end = now()
        return {"read": read - start, "write": end - read, "first": first}

    def grpo_prepare(self, command):
        """folder, threads, image, question, prompts, groupSize, tokens, steps: a TRL GRPOTrainer on the checkpoint."""
        import tempfile

        from datasets import Dataset
        from peft import LoraConfig
        from PIL import Image
        from transformers import LlavaOnevisionForConditionalGeneration
        from trl import GRPOConfig, GRPOTrainer

        torch.set_num_threads(command["threads"])
        model = LlavaOnevisionForConditionalGeneration.from_pretrained(command["folder"], dtype=torch.float32)
        processor = load_processor(command["folder"])
        image = Image.open(command["image"]).convert("RGB")
        rows = [
            {"prompt": [{"role": "user", "content": command["question"]}], "image": image}
            for _ in range(command["prompts"] * command["steps"])
        ]
        batch = command["prompts"] * command["groupSize"]
        config = GRPOConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=batch,
            num_generations=command["groupSize"],
            max_completion_length=command["tokens"],
            # As many tokens for both: no early end; and an image token in a completion would break the model.
            generation_kwargs={"min_new_tokens": command["tokens"], "suppress_tokens": [model.config.image_token_id]},
            temperature=1.0,
            beta=0.04,
            learning_rate=1e-5,
            loss_type="grpo",
            max_steps=command["steps"],
            logging_steps=1000,
            save_strategy="no",
            report_to=[],
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            disable_tqdm=True,
        )
        linears = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=lambda completions, **_: [float(len(str(completion)) % 7) for completion in completions],
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=processor,
            peft_config=LoraConfig(r=8, lora_alpha=16, target_modules=linears),
        )
        self.trainer = trainer
        return {}

    def grpo_step(self, _, listen):
        """One step of the prepared trainer. Between steps the trainer waits inside its own loop for the next command."""
        from transformers import TrainerCallback

        peer = self

        class TakeTurns(TrainerCallback):
            def on_step_begin(self, *_, **__):
                peer.started = time.process_time()

            def on_step_end(self, *_, **__):
                listen({"seconds": time.process_time() - peer.started})

        self.trainer.add_callback(TakeTurns())
        self.trainer.train()
        return {"error": "the prepared steps are used up"}

    def peak_memory(self, _):
        return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def load_processor(folder):
    """LlavaOnevisionProcessor without its video half, which would need torchvision."""
    from transformers import AutoTokenizer, LlavaOnevisionImageProcessorPil, LlavaOnevisionProcessor

    class WithoutVideo(LlavaOnevisionProcessor):
        def check_argument_for_proper_class(self, name, argument):
            return None if argument is None else super().check_argument_for_proper_class(name, argument)

        def __call__(self, *args, **kwargs):
            # TRL 1.13 cannot hand this on to the model; with one image a prompt it may be left out.
            batch = super().__call__(*args, **kwargs)
            batch.pop("batch_num_images", None)
            return batch

    with open(os.path.join(folder, "processor_config.json"), encoding="utf-8") as file:
        settings = json.load(file)
    with open(os.path.join(folder, "chat_template.jinja"), encoding="utf-8") as file:
        template = file.read()
    processor = WithoutVideo(
        image_processor=LlavaOnevisionImageProcessorPil.from_pretrained(folder),
        tokenizer=AutoTokenizer.from_pretrained(folder, padding_side="left"),
        video_processor=None,
        num_image_tokens=settings.get("num_image_tokens"),
        vision_feature_select_strategy=settings.get("vision_feature_select_strategy", "full"),
        chat_template=template,
    )
    return processor


def cold_start(job):
    """Prints the processor time of this process when the first token of a prompt is known."""
    peer = Peer()
    peer.load({"folder": job["folder"], "threads": job["threads"]})
    with torch.inference_mode():
        peer.model(input_ids=torch.tensor([job["ids"]]), use_cache=True, logits_to_keep=1).logits.argmax(-1)
    print(json.dumps({"seconds": time.process_time()}))


def main():
    if "--cold-start" in sys.argv:
        return cold_start(json.loads(sys.argv[-1]))
    peer = Peer()
    # Libraries print to stdout now and then; answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer_and_listen(answer):
        answers.write(json.dumps(answer) + "\n")
        command = next_command()
        if command["do"] != "grpo_step":
            raise SystemExit
        return command

    def next_command():
        line = sys.stdin.readline().strip()
        return json.loads(line) if line else {"do": "quit"}

    while True:
        command = next_command()
        if command["do"] == "quit":
            break
        try:
            if command["do"] == "grpo_step":
                answer = peer.grpo_step(command, answer_and_listen)
            else:
                answer = getattr(peer, command["do"])(command)
        except Exception as error:  # the benchmark reports it and goes on without this number
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


main()
