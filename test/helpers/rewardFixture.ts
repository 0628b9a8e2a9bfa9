/** A small inspection reward with a fault people make, and rollouts that show it. */

/** The pattern lacks dot-all, so that a newline inside the tag makes it fail. */
export const locationReward = `import { defineReward } from "iad-r1/reward";

/** Pays for the place. */
export const location = defineReward({
  name: "location",
  range: { min: 0, max: 1 },
  score({ completion, solution }: { completion: string; solution: string }) {
    const found = /<location>(.*?)<\\/location>/.exec(completion);
    if (found === null) {
      return 0;
    }
    const wanted = /<location>(.*?)<\\/location>/.exec(solution)?.[1];
    return found[1].trim() === wanted ? 1 : 0.25;
  },
});
`;

export const locationPython = `import re


def location(completions, solution, **kwargs):
    """Pays for the place."""
    scores = []
    for completion, truth in zip(completions, solution):
        found = re.search(r"<location>(.*?)</location>", completion)
        if found is None:
            scores.append(0.0)
            continue
        wanted = re.search(r"<location>(.*?)</location>", truth).group(1)
        scores.append(1.0 if found.group(1).strip() == wanted else 0.25)
    return scores
`;

const truth = "<location>top left</location><type>scratch</type><answer>Yes</answer>";

/**
 * 24 groups of 4 over 8 steps. In each group one completion is right, one has a newline in its tag, one names another place, one has no
 * tag; in every third group all four have the newline. Scores as the reward above gave them.
 */
export function locationRollouts(recordedAs = "location"): Record<string, unknown>[] {
  const completions = (all: boolean) => [
    all ? "<location>\ntop left\n</location>" : "<location>top left</location>",
    "<location>\ntop left\n</location>",
    all ? "<location>\ncenter\n</location>" : "<location>center</location>",
    all ? "<location>\ncenter\n</location>" : "No defect.",
  ];
  const score = (completion: string) => {
    const found = /<location>(.*?)<\/location>/.exec(completion);
    return found === null ? 0 : found[1] === "top left" ? 1 : 0.25;
  };
  return Array.from({ length: 24 }, (_, group) =>
    completions(group % 3 === 2).map((text, index) => {
      const completion = `<think>Looking at part ${group}.</think>${text}<type>scratch</type><answer>Yes</answer>`;
      const total = score(completion);
      return {
        ...{ group: `g${group}`, index, step: Math.floor(group / 3), prompt: "Is there a defect?", completion },
        ...{ solution: truth, rewards: { [recordedAs]: total }, status: { [recordedAs]: "ok" }, total },
        ...{ finish: "eos", length: completion.length },
      };
    }),
  ).flat();
}
