"""The two rewards that the published IAD-R1 trains with, written anew for TRL from their description, faults included.

Open this file in VS Code and hover over a reward, or run

    iad-r1 reward check published.py --rollouts rollouts.jsonl

to see what is wrong with them. The corrected set is built in: `iad-r1-strict`.
"""

import re

from defect_types import type_reward
from places import location_reward


def text_of(completion):
    return completion[0]["content"] if isinstance(completion, list) else completion


def element(name, text):
    """Body of the first one-line element of that name, stripped and in lower case; None when there is none."""
    match = re.search(f"<{name}>(.*?)</{name}>", text)
    return match.group(1).strip().lower() if match else None


def true_answer(solution):
    answer = element("answer", solution)
    return solution.strip().lower() if answer is None else answer


# iad-r1: reward range=0..1
def consistency_reward(completions, solution, **kwargs):
    """Do the tags that the true answer calls for stand in order?"""
    rewards = []
    for completion, truth in zip(completions, solution):
        content = text_of(completion)
        answer = true_answer(truth)
        if answer == "yes":
            pattern = r"<think>.*?</think><location>.*?</location><type>.*?</type><answer>.*?</answer>"
            rewards.append(1.0 if re.search(pattern, content, re.DOTALL) else 0.0)
        elif answer == "no":
            if "<location>" in content or "<type>" in content:
                rewards.append(0.0)
            else:
                pattern = r"<think>.*?</think><answer>.*?</answer>"
                rewards.append(1.0 if re.search(pattern, content, re.DOTALL) else 0.0)
    return rewards


# iad-r1: reward range=0..2
def accuracy_reward(completions, solution, **kwargs):
    """1 for the right answer; on anomalous pictures also the mean of type and location."""
    rewards = []
    for completion, truth in zip(completions, solution):
        reward = 0.0
        try:
            content = text_of(completion)
            answer = true_answer(truth)
            given = element("answer", content)
            if answer == "no":
                reward = 1.0 if given == "no" else 0.0
            elif answer == "yes":
                type_score = 0.0
                location_score = 0.0
                if element("type", content) is not None and element("type", truth) is not None:
                    type_score = type_reward(element("type", content), element("type", truth))
                if element("location", content) is not None and element("location", truth) is not None:
                    location_score = location_reward(element("location", content), element("location", truth))
                reward = (type_score + location_score) / 2
                if given == "yes":
                    reward += 1.0
        except Exception:
            reward = 0.0
        rewards.append(reward)
    return rewards
