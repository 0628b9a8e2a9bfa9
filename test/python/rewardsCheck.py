"""Rewards across the two languages, as TRL calls them. Prints JSON; what it is asked for is its first argument."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

root = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "engines" / "python"))


def columns_of(rows):
    names = {name for row in rows for name in row} - {"group", "index", "prompt", "completion", "finish", "length", "sampleId"}
    return {name: [row.get(name) for row in rows] for name in sorted(names)}


def parity(file, rewards):
    """Scores of a file of rollouts through the shim, in one batch, with the arguments of TRL."""
    from iadr1_rewards import typescript_reward

    rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
    scores = {}
    for reward in rewards:
        function = typescript_reward(reward)
        scores[function.__name__] = function(
            prompts=[row["prompt"] for row in rows],
            completions=[[{"role": "assistant", "content": row["completion"]}] for row in rows],
            completion_ids=[[0] * row["length"] for row in rows],
            trainer_state=SimpleNamespace(global_step=3),
            log_extra=lambda name, values: None,
            log_metric=lambda name, value: None,
            **columns_of(rows),
        )
        function.close()
    return scores


def direct(file, module, functions):
    """The same with functions of a Python file, called as TRL calls them, in this process."""
    sys.path.insert(0, str(Path(module).parent))
    loaded = __import__(Path(module).stem)
    rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
    scores = {}
    for name in functions:
        scores[name] = []
        for row in rows:  # one at a time: some published rewards give shorter lists
            value = getattr(loaded, name)(
                prompts=[row["prompt"]],
                completions=[[{"role": "assistant", "content": row["completion"]}]],
                completion_ids=[[0] * row["length"]],
                trainer_state=SimpleNamespace(global_step=3),
                **columns_of([row]),
            )
            scores[name].append(value[0] if len(value) == 1 else None)
    return scores


def failures(reward):
    """What a reward that fails on some completions gives with each policy."""
    import warnings

    from iadr1_rewards import RewardError, typescript_reward

    given = {"completions": ["fine", "throw", "skip"], "solution": ["", "", ""]}
    result = {}
    for policy in ("skip", "zero"):
        extra = {}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with_log = typescript_reward(reward, on_error=policy)
            result[policy] = with_log(**given, log_extra=extra.__setitem__)
            with_log.close()
        result[policy + "_warned"] = [str(one.message) for one in caught if one.category is UserWarning]
        result[policy + "_extra"] = extra
    try:
        typescript_reward(reward, on_error="raise")(**given)
    except RewardError as error:
        result["raise"] = str(error)
    try:
        typescript_reward("nowhere.reward.ts#f")(**given)
    except RewardError as error:
        result["missing"] = str(error)
    return result


def trainer(reward, folder):
    """One step of TRL's GRPOTrainer on a tiny model with a TypeScript reward beside a Python one."""
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    from iadr1_rewards import typescript_reward

    torch.manual_seed(1)
    torch.set_num_threads(1)
    words = ["<pad>", "<eos>", "<unk>", *[f"w{i}" for i in range(29)]]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=1,
    )
    seen = []

    def python_reward(completions, solution, **kwargs):
        seen.append({"completions": list(completions), "keys": sorted(kwargs), "solution": list(solution)})
        return [float(len(text)) for text in completions]

    typescript = typescript_reward(reward)
    given = []

    def recording(**kwargs):
        given.append(typescript(**kwargs))
        return given[-1]

    recording.__name__ = typescript.__name__
    trained = GRPOTrainer(
        model=LlamaForCausalLM(config),
        processing_class=tokenizer,
        reward_funcs=[recording, python_reward],
        args=GRPOConfig(
            output_dir=folder, per_device_train_batch_size=4, num_generations=2, max_steps=1, max_completion_length=6,
            use_cpu=True, report_to=[], save_strategy="no", logging_steps=1, seed=1, disable_tqdm=True, bf16=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": f"w{i} w{i + 1}", "solution": f"w{i}"} for i in range(4)]),
    )
    trained.train()
    logs = trained.state.log_history[0]
    typescript.close()
    return {"typescript": given[0], "python": seen[0], "mean": logs[f"rewards/{typescript.__name__}/mean"]}


commands = {"parity": parity, "direct": direct, "failures": failures, "trainer": trainer}
output, sys.stdout = sys.stdout, sys.stderr  # trainers print too
print(json.dumps(commands[sys.argv[1]](*json.load(sys.stdin))), file=output)
