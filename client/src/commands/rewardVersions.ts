/** Commands of the Rewards tree, and two versions of a reward on the same rollouts: which ones, and the answer as a page. */
import { Position, Range, Uri, window } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type {
  ComparedFunction,
  RewardVersionChoice,
  RewardVersionComparison,
  RewardVersionScores,
} from "@iad-r1/protocol/rewardDebugger";
import { noFilter } from "@iad-r1/protocol/rollouts";
import { basename } from "node:path";
import { UserError } from "../errors";
import * as messages from "../messages";
import { plain, table } from "../reports";
import type { RewardNode } from "../views/rewardsTree";
import { withProgress } from "./progress";
import type { Parts } from "./types";

/** Rows of the page; the explorer has them all. */
const maxRows = 20;

export function refreshRewards({ rewardsTree }: Parts): void {
  rewardsTree.refresh();
}

/** @param target a node of the Rewards tree */
export async function openReward(_: Parts, target?: unknown): Promise<void> {
  const node = target as RewardNode | undefined;
  if (node === undefined || node.kind === "recorded" || node.uri === null) return;
  const { line, character } = node.kind === "finding" ? { line: node.finding.line, character: 0 } : node.item.place!;
  const place = new Position(line, character);
  await window.showTextDocument(Uri.parse(node.uri), { selection: new Range(place, place) });
}

/** @param target a node of the Rewards tree, a link to a reward; else the file in front */
export async function compareRewardVersions(parts: Parts, target?: unknown): Promise<void> {
  const { context, live } = parts;
  const uri = uriOf(target) ?? window.activeTextEditor?.document.uri.toString();
  if (uri === undefined) throw new UserError(messages.noReward());
  const choices = await context.connection.request(lsp.rewardVersions, { uri });
  if (choices.length < 2) throw new UserError(messages.oneVersion(basename(Uri.parse(uri).fsPath)));
  const before = await choose(choices.slice(1), messages.pickVersionBefore());
  if (before === undefined) return;
  const rest = choices.filter((one) => one !== before);
  const after = rest.length === 1 ? rest[0] : await choose(rest, messages.pickVersionAfter(versionName(before)));
  if (after === undefined || !(await live.mayRun())) return;
  const comparison = await withProgress(messages.comparingVersions(), (token) =>
    context.connection.request(lsp.compareRewardVersions, { uri, before: before.version, after: after.version }, token),
  );
  const title = messages.versionsTitle(basename(Uri.parse(uri).fsPath));
  const names = { before: versionName(before), after: versionName(after) };
  await context.reports.show(title, page(title, comparison, names));
  await offerFlips(parts, comparison, names);
}

interface Names {
  before: string;
  after: string;
}

/** What people call a version. */
function versionName({ version, step }: RewardVersionChoice): string {
  switch (version.kind) {
    case "screen":
      return messages.versionOnScreen();
    case "disk":
      return messages.versionSaved();
    case "run":
      return messages.versionOfRun(version.run, step ?? 0);
    case "file":
      return basename(version.path);
  }
}

/** The rows behind the numbers, in the explorer. */
async function offerFlips(
  { explorers }: Parts,
  { source, changes, totals }: RewardVersionComparison,
  names: Names,
): Promise<void> {
  if (source === null || changes.length === 0) return;
  const show = messages.showInExplorer();
  if ((await window.showInformationMessage(messages.versionsDiffer(totals.flips), show)) !== show) return;
  const label = messages.versionsFlip(names.before, names.after);
  const rollouts = changes.map(({ rollout }) => rollout);
  const filter = { ...noFilter, only: { label, rollouts } };
  explorers.show(source, { flips: { label, rollouts }, query: { filter, order: "order", descending: false } });
}

async function choose(choices: readonly RewardVersionChoice[], title: string) {
  const items = choices.map((choice) => {
    const { version, hash } = choice;
    const description = version.kind === "file" ? version.path : hash;
    return { label: versionName(choice), description, choice };
  });
  return (await window.showQuickPick(items, { title, ignoreFocusOut: true }))?.choice;
}

function uriOf(target: unknown): string | undefined {
  if (typeof target !== "object" || target === null || !("uri" in target)) return undefined;
  return typeof target.uri === "string" ? target.uri : undefined;
}

// ---- the page

function page(title: string, comparison: RewardVersionComparison, names: Names): string {
  const { label, numRollouts, numGroups, functions, totals, advantages } = comparison;
  const { flips, meanBefore, meanAfter, flatBefore, flatAfter, regainedGroups, lostGroups } = totals;
  const verdict = flips === 0 ? messages.versionsSame() : messages.versionsDiffer(flips);
  const both = [messages.beforeColumn(names.before), messages.afterColumn(names.after), messages.changeColumn()];
  return [
    `# ${plain(title)}`,
    plain(messages.versionsScope(label, numRollouts, numGroups)),
    `**${plain(verdict)}**`,
    `## ${plain(messages.eachReward())}`,
    ...functions.map((one) => functionTable(one, both)),
    `## ${plain(messages.totalsHeading())}`,
    table(
      ["", ...both],
      [
        [messages.meanRow(), number(meanBefore), number(meanAfter), difference(meanBefore, meanAfter)],
        [messages.flatRow(), String(flatBefore), String(flatAfter), messages.groupsChange(regainedGroups, lostGroups)],
      ],
    ),
    `## ${plain(messages.advantagesHeading())}`,
    plain(messages.advantagesText()),
    table(
      [messages.methodColumn(), messages.signColumn()],
      advantages.map(({ method, signChanges }) => [methodNames[method] ?? method, String(signChanges)]),
    ),
    ...changedRows(comparison, both),
  ].join("\n\n");
}

const methodNames: Record<string, string> = {
  grpo: "GRPO",
  "dr-grpo": "Dr. GRPO",
  "batch-std": "Batch std",
  gdpo: "GDPO",
};

function functionTable({ name, before, after, flips, compared }: ComparedFunction, both: readonly string[]): string {
  const row = (title: string, pick: (scores: RewardVersionScores) => number | null) => {
    const [was, is] = [before, after].map((side) => (side === null ? null : pick(side)));
    return [title, number(was ?? null), number(is ?? null), difference(was ?? null, is ?? null)];
  };
  const sides = [before, after] as const;
  const notes = sides.flatMap((side, i) => {
    const which = both[i]!;
    if (side === null) return [messages.notInVersion(which)];
    return side.problem === null ? [] : [`${which}: ${side.problem}`];
  });
  return [
    `### ${plain(name)}`,
    plain(notes.length > 0 ? notes.join(" ") : messages.scoresFlip(flips, compared)),
    table(
      ["", ...both],
      [
        row(messages.meanRow(), ({ mean }) => mean),
        row(messages.stdRow(), ({ std }) => std),
        row(messages.stdInsideRow(), ({ stdInsideGroups }) => stdInsideGroups),
        row(messages.notApplicable(), ({ counts }) => counts.na),
        row(messages.scoreFailed(), ({ counts }) => counts.error),
      ],
    ),
  ].join("\n\n");
}

function changedRows({ changes }: RewardVersionComparison, both: readonly string[]): string[] {
  if (changes.length === 0) return [];
  const rows = changes.slice(0, maxRows).map(({ rollout, before, after, completion }) => {
    const name = messages.rolloutName(rollout.step, rollout.group, rollout.index);
    const text = completion.replace(/\s+/g, " ").trim();
    return [name, number(before), number(after), difference(before, after), text];
  });
  return [
    `## ${plain(messages.changedHeading(rows.length, changes.length))}`,
    table([messages.rolloutColumn(), ...both, messages.completionColumn()], rows),
  ];
}

function number(value: number | null): string {
  return value === null ? "–" : String(Number(value.toPrecision(4)));
}

function difference(before: number | null, after: number | null): string {
  if (before === null || after === null) return "";
  const by = after - before;
  if (Math.abs(by) < 1e-9) return "=";
  return `${by > 0 ? "+" : "−"}${Number(Math.abs(by).toPrecision(3))}`;
}
