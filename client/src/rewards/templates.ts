/** The text of a new reward file in either language: it scores at once, and says where to go on. */

export function typescriptTemplate(name: string): string {
  return `import { defineReward } from "iad-r1/reward";

/** Pays for the right ${name}. Hover over the name to see what it does on recorded rollouts. */
export const ${name} = defineReward({
  name: ${JSON.stringify(name)},
  range: { min: 0, max: 1 },
  score({ tags, truth, skip }) {
    // Nothing to compare with is no mistake of the model: say so instead of 0.
    if (truth.location === null) return skip("the truth names no location");
    return tags.location === truth.location ? 1 : 0;
  },
});
`;
}

export function pythonTemplate(name: string): string {
  return `"""Reward functions with TRL's signature; IAD-R1 shows what they do on recorded rollouts."""

import re


def ${name}(completions, solution, **kwargs):
    """Pays for the right location; None where the truth names none."""
    pattern = re.compile(r"<location>(.*?)</location>", re.DOTALL)
    scores = []
    for completion, truth in zip(completions, solution):
        text = completion if isinstance(completion, str) else completion[0]["content"]
        wanted = pattern.search(truth or "")
        found = pattern.search(text)
        if wanted is None:
            scores.append(None)
        else:
            scores.append(1.0 if found and found.group(1).strip() == wanted.group(1).strip() else 0.0)
    return scores
`;
}
