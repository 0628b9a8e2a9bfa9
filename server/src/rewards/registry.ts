/**
 * Finds rewards by name: single functions and presets. Scores nothing. Functions from a user's own files join as a second
 * list when a registry is made; the registry does not load or run files.
 */
import { ConfigError } from "@iad-r1/models/errors";
import { iadR1Rewards } from "./builtin/iadR1";
import { strictPreset, strictRewards } from "./builtin/strict";
import type { RewardFunction, WeightedReward } from "./contract";
import { ratio } from "./similarity";

/** A preset: several rewards with weights under one name. */
export interface RewardPreset {
  readonly name: string;
  readonly description: string;
  readonly rewards: readonly WeightedReward[];
}

/** How a configuration or a command line names a reward: function or preset, with a factor for its weights. */
export interface RewardUse {
  name: string;
  /** 1 when left out. */
  weight?: number;
}

export interface RewardRegistry {
  readonly functions: ReadonlyMap<string, RewardFunction>;
  readonly presets: ReadonlyMap<string, RewardPreset>;
  /**
   * The rewards behind the names, presets spelled out, in order.
   *
   * @throws ConfigError `reward/unknown-name` (with near names), `reward/duplicate`, `reward/none`, `reward/weight`
   */
  resolve(uses: readonly (string | RewardUse)[]): WeightedReward[];
}

function published(name: string): RewardFunction {
  return iadR1Rewards.find((reward) => reward.name === name)!;
}

const builtinPresets: readonly RewardPreset[] = [
  {
    name: "iad-r1",
    description: "The pair that the published system trains with, bit for bit.",
    rewards: [
      { reward: published("iad-r1/consistency"), weight: 1 },
      { reward: published("iad-r1/accuracy"), weight: 1 },
    ],
  },
  {
    name: "iad-r1-strict",
    description: "Form, answer, place and type without the holes of the published pair.",
    rewards: strictPreset,
  },
];

/**
 * @param ownRewards functions from elsewhere, for example from a reward file; names must differ from the built-in ones
 * @throws ConfigError `reward/duplicate` when two functions have one name
 */
export function createRewardRegistry(ownRewards: readonly RewardFunction[] = []): RewardRegistry {
  const functions = new Map<string, RewardFunction>();
  const presets = new Map(builtinPresets.map((preset) => [preset.name, preset]));
  for (const reward of [...iadR1Rewards, ...strictRewards, ...ownRewards]) {
    if (functions.has(reward.name) || presets.has(reward.name)) {
      throw new ConfigError("reward/duplicate", `Two rewards are named "${reward.name}".`, {
        hint: "Give the reward function another name.",
      });
    }
    functions.set(reward.name, reward);
  }

  function resolve(uses: readonly (string | RewardUse)[]): WeightedReward[] {
    const found = uses.flatMap((use) => {
      const { name, weight = 1 } = typeof use === "string" ? { name: use } : use;
      if (!Number.isFinite(weight)) {
        throw new ConfigError(
          "reward/weight",
          `The weight of reward "${name}" must be a finite number, got ${weight}.`,
          {
            hint: "Write a number such as 0.5.",
          },
        );
      }
      const reward = functions.get(name);
      if (reward !== undefined) return [{ reward, weight }];
      const preset = presets.get(name);
      if (preset !== undefined) return preset.rewards.map((part) => ({ ...part, weight: part.weight * weight }));
      throw unknownName(name, [...presets.keys(), ...functions.keys()]);
    });
    if (found.length === 0) {
      throw new ConfigError("reward/none", "Expected at least one reward, got none.", {
        hint: "Name a reward such as iad-r1-strict.",
      });
    }
    const seen = new Set<string>();
    for (const { reward } of found) {
      if (seen.has(reward.name)) {
        throw new ConfigError("reward/duplicate", `Reward "${reward.name}" is used twice.`, {
          hint: "Name it once and give it the weight it should have; a preset already holds its functions.",
        });
      }
      seen.add(reward.name);
    }
    return found;
  }

  return { functions, presets, resolve };
}

/** Names worth suggesting share at least this part of their letters. */
const nearEnough = 0.5;
const maxSuggestions = 3;
/** Longer names are not worth a comparison. */
const maxComparedLength = 200;

function unknownName(name: string, known: readonly string[]): ConfigError {
  const shown = name.length > maxComparedLength ? `${name.slice(0, maxComparedLength)}…` : name;
  const near = known
    .map((candidate) => ({ candidate, similarity: ratio(shown, candidate) }))
    .filter(({ similarity }) => similarity >= nearEnough)
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, maxSuggestions)
    .map(({ candidate }) => candidate);
  return new ConfigError("reward/unknown-name", `There is no reward or preset named "${shown}".`, {
    hint: near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `Known names: ${known.join(", ")}.`,
    data: { name: shown, near, known },
  });
}
