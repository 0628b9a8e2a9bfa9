"""The published rewards for ablations, written anew for TRL from their description, faults included.

They are alternatives to each other: a run names one of them.
"""

import re

from defect_types import type_reward
from places import location_reward
from published import element, text_of, true_answer


# iad-r1: reward range=0..1
def consistency_reward_cot(completions, solution, **kwargs):
    """The right answer, and for yes the share of type, location and description that is there."""
    rewards = []
    for completion, truth in zip(completions, solution):
        content = text_of(completion)
        wanted = re.search(r"<answer>(.*?)</answer>", truth, re.IGNORECASE)
        answer = (wanted.group(1) if wanted else truth).strip().lower()
        match = re.search(r"<answer>(.*?)</answer>", content, re.IGNORECASE)
        if not match or match.group(1).strip().lower() != answer:
            rewards.append(0.0)
            continue
        tags = ["type", "location", "description"]
        found = sum(bool(re.search(f"<{tag}>.*?</{tag}>", content, re.IGNORECASE | re.DOTALL)) for tag in tags)
        if answer == "no":
            rewards.append(1.0 if found == 0 else 0.0)
        elif answer == "yes":
            rewards.append([0.0, 0.4, 0.7, 1.0][found])
        else:
            rewards.append(0.0)
    return rewards


def accuracy_with_one(texts, truths, tag, score):
    rewards = []
    for completion, truth in zip(texts, truths):
        reward = 0.0
        try:
            content = text_of(completion)
            answer = true_answer(truth)
            given = element("answer", content)
            if answer == "no":
                reward = 1.0 if given == "no" else 0.0
            elif answer == "yes":
                predicted, actual = element(tag, content), element(tag, truth)
                if predicted is not None and actual is not None:
                    reward = score(predicted, actual) + (1.0 if given == "yes" else 0.0)
        except Exception:
            reward = 0.0
        rewards.append(reward)
    return rewards


# iad-r1: reward range=0..2
def accuracy_reward_cot_wo_type(completions, solution, **kwargs):
    """Answer and location."""
    return accuracy_with_one(completions, solution, "location", location_reward)


# iad-r1: reward range=0..2
def accuracy_reward_cot_wo_location(completions, solution, **kwargs):
    """Answer and type."""
    return accuracy_with_one(completions, solution, "type", type_reward)


# iad-r1: reward range=0..1
def accuracy_reward_cot_base(completions, solution, **kwargs):
    """The answer alone."""
    rewards = []
    for completion, truth in zip(completions, solution):
        reward = 0.0
        try:
            answer = true_answer(truth)
            if answer in ("yes", "no") and element("answer", text_of(completion)) == answer:
                reward = 1.0
        except Exception:
            reward = 0.0
        rewards.append(reward)
    return rewards


# iad-r1: reward range=0..1
def format_reward_cot_base(completions, solution, **kwargs):
    """Reasoning followed at once by an answer."""
    rewards = []
    for completion, truth in zip(completions, solution):
        true_answer(truth)  # read, as in the others, and then not looked at
        pattern = r"<think>.*?</think><answer>.*?</answer>"
        rewards.append(1.0 if re.search(pattern, text_of(completion), re.DOTALL) else 0.0)
    return rewards
