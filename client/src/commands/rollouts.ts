/** Commands around the rollout explorer: which rollouts, what to see of them first, and everything that its page does. */

import * as lsp from "@iad-r1/protocol/lsp";
import type { RolloutKey, RolloutSource } from "@iad-r1/protocol/rewardDebugger";
import { type ExploreFilter, type ExploreQuery, noFilter } from "@iad-r1/protocol/rollouts";
import type { explorerPanel } from "@iad-r1/protocol/webview";
import { Uri, window } from "vscode";
import { UserError } from "../errors";
import * as messages from "../messages";
import type { ExploreWish } from "../panels/explorerPanel";
import { givenRun } from "./runs";
import type { Parts } from "./types";

/** From a link: a reward and what of its rollouts. */
interface RewardTarget {
  uri: string;
  function: string;
  filter?: string;
  rollouts?: RolloutKey[];
  rollout?: RolloutKey;
}

/** From the dashboard: a step of a run. */
interface StepTarget {
  run: string;
  step: number;
}

/**
 * @param target a file (also from VS Code's own Explorer), a run or its node in the tree, a step of a run, a reward with a filter; nothing:
 *               asks when there is a choice
 */
export async function exploreRollouts(parts: Parts, target?: unknown): Promise<void> {
  const { context, explorers } = parts;
  if (target instanceof Uri) return explorers.show({ kind: "file", path: target.fsPath });
  if (isRewardTarget(target)) return exploreReward(parts, target);
  if (isStepTarget(target)) {
    const { run, step } = target;
    const filter: ExploreFilter = { ...noFilter, ranges: [{ column: "step", min: step, max: step }] };
    return explorers.show({ kind: "run", run }, { query: queryOf(filter) });
  }
  const run = givenRun(target);
  if (run !== undefined) return explorers.show({ kind: "run", run });
  const source = await chooseSource(parts);
  if (source === undefined) return;
  context.log.debug(`explore ${JSON.stringify(source)}`);
  explorers.show(source);
}

/** The rollouts of the scope that hovers speak of, cut down to those behind a number. */
async function exploreReward({ context, explorers }: Parts, target: RewardTarget): Promise<void> {
  const { source, scope } = await context.connection.request(lsp.rewardScope);
  if (source === null) throw new UserError(messages.noRollouts());
  const filter: ExploreFilter = { ...noFilter, facets: {} };
  if (scope.steps !== null) filter.ranges = [{ column: "step", min: scope.steps.from, max: scope.steps.to }];
  const wish: ExploreWish = { reward: { uri: target.uri, name: target.function } };
  if (target.rollouts !== undefined) {
    const label = messages.rolloutsOf(target.rollouts.length, target.function);
    filter.only = { label, rollouts: target.rollouts };
  }
  if (target.filter === "flips") {
    const place = { uri: target.uri, function: target.function };
    const { change } = (await context.connection.request(lsp.rewardReport, place)).function;
    const rollouts = change?.rollouts ?? [];
    wish.flips = { label: messages.flipsOf(rollouts.length, target.function), rollouts };
    filter.facets = { flips: ["flipped"] };
  } else if (target.filter === "failing") filter.facets = { verdict: ["missed", "false-alarm", "unparsed"] };
  else if (target.filter === "zero-variance") filter.facets = { spread: ["flat"] };
  explorers.show(source, {
    ...wish,
    query: queryOf(filter),
    ...(target.rollout !== undefined && { rollout: target.rollout }),
  });
}

/** Runs with rollouts and files; undefined when the question was left. */
export async function chooseSource({ context }: Parts): Promise<RolloutSource | undefined> {
  const { sources } = await context.connection.request(lsp.rewardScopeChoices);
  const file = { label: messages.rolloutFile(), description: "", detail: "", source: null };
  const items = [
    ...sources.map(({ source, label, detail }) => ({ ...{ label, detail, description: "" }, source })),
    file,
  ];
  const chosen =
    items.length === 1
      ? file
      : await window.showQuickPick(items, { ignoreFocusOut: true, title: messages.pickRollouts() });
  if (chosen === undefined) return undefined;
  if (chosen.source !== null) return chosen.source;
  const [path] =
    (await window.showOpenDialog({
      title: messages.pickRolloutFile(),
      filters: { [messages.rolloutFiles()]: ["jsonl", "parquet", "json"] },
    })) ?? [];
  return path === undefined ? undefined : { kind: "file", path: path.fsPath };
}

/** A command of the page in front. */
export function inExplorer(name: (typeof explorerPanel)["commands"][number]) {
  return ({ explorers }: Parts): void => explorers.command(name);
}

function queryOf(filter: ExploreFilter): ExploreQuery {
  return { filter, order: "order", descending: false };
}

function isRewardTarget(target: unknown): target is RewardTarget {
  if (typeof target !== "object" || target === null) return false;
  return (
    "function" in target && typeof target.function === "string" && "uri" in target && typeof target.uri === "string"
  );
}

function isStepTarget(target: unknown): target is StepTarget {
  if (typeof target !== "object" || target === null) return false;
  return "run" in target && typeof target.run === "string" && "step" in target && typeof target.step === "number";
}
