/** All rewards at once, and two versions of one: gathers texts from the editor, the disk and the runs, asks the service, converts. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "@iad-r1/models/errors";
import { compareRewardVersions, rewardTree, rewardVersions } from "@iad-r1/protocol/lsp";
import type { RewardTreeItem, RewardVersionChoice, RewardVersionRef } from "@iad-r1/protocol/rewardDebugger";
import type { RewardVersion, RunManifest } from "@iad-r1/protocol/runs";
import { isConfigPath } from "../../config/configPath";
import { parseExperiment } from "../../config/parseExperiment";
import { parseRewardPath } from "../../config/rewardPath";
import type { PlacedFinding } from "../../features/rewards/findings";
import { RewardView } from "../../features/rewards/view";
import type { RewardDebugService, VersionText } from "../../rewards/debug/debugService";
import type { Services } from "../../services";
import type { Dispatcher } from "../dispatch";
import { rewardCompareParams, rewardDocumentParams } from "../params";

interface Surroundings {
  service: RewardDebugService;
  services: Services;
  requirePath(uri: string): string;
  /** As the editor shows an open file; null for others. */
  viewOf(path: string): RewardView | null;
  placedFindings(view: RewardView): PlacedFinding[];
  /** What the editor calls a path. */
  uriOf(path: string): string;
  /** Folders of the window. */
  folders(): readonly string[];
}

const maxRuns = 50;

export function registerRewardVersions(on: Dispatcher, at: Surroundings): void {
  on.on0(rewardTree, () => treeItems(at));
  on.on(rewardVersions, rewardDocumentParams, ({ uri }) => versionsOf(at, at.requirePath(uri)));
  on.on(compareRewardVersions, rewardCompareParams, async ({ uri, before, after }, signal) => {
    const path = at.requirePath(uri);
    return at.service.compare(await textOf(at, path, before), await textOf(at, path, after), signal);
  });
}

// ---- the tree

async function treeItems(at: Surroundings): Promise<RewardTreeItem[]> {
  const { service } = at;
  const [recorded, closed, uses] = await Promise.all([service.recorded(), service.survey(), rewardUses(at.folders())]);
  const open = service.open.flatMap((path) => {
    const view = at.viewOf(path);
    return view === null ? [] : [{ path, view }];
  });
  const unopened = closed.map(({ path, facts }) => ({
    path,
    view: new RewardView({
      ...{ uri: pathToFileURL(path).href, text: facts.text, facts },
      ...{ report: null, examined: null, isUpdating: false },
    }),
  }));
  const named = [...open, ...unopened].sort((a, b) => (a.path < b.path ? -1 : 1));
  const items = named.flatMap(({ path, view }) => itemsOf(at, path, view, { recorded, uses }));
  const known = new Set(items.map(({ item }) => item.name));
  // Rewards whose code is not here: those that come with us, or files of somebody else.
  const others = recorded
    .filter(({ name }) => !known.has(name.split(/[/#:]/).at(-1)!) && !known.has(name))
    .map(
      ({ name, weight, mean, counts }): Ranked => ({
        item: { name, place: null, language: null, weight, freshness: "recorded", mean, counts, findings: [] },
        isUsed: uses.some((use) => use.name === name),
      }),
    );
  // What the experiments of the window train with comes first, then what the rollouts were scored with, and our files before others.
  const rank = ({ item, isUsed }: Ranked) => (isUsed ? 0 : item.freshness === "none" ? 2 : 1);
  return [...items, ...others].sort((a, b) => rank(a) - rank(b)).map(({ item }) => item);
}

interface Ranked {
  item: RewardTreeItem;
  /** An experiment of the window trains with it. */
  isUsed: boolean;
}

interface RewardUse {
  /** As in the experiment, the path of a file absolute. */
  name: string;
  weight?: number | undefined;
}

/** The rewards that the experiments of these folders name; those of one that is not valid now count as none. */
async function rewardUses(folders: readonly string[]): Promise<RewardUse[]> {
  const found = folders.map(async (folder) => {
    const names = await readdir(folder).catch((): string[] => []);
    const texts = names
      .filter((name) => isConfigPath(name))
      .map((name) => readFile(join(folder, name), "utf8").catch(() => ""));
    return (await Promise.all(texts)).flatMap((text) => parseExperiment(text, { folder }).value ?? []);
  });
  return (await Promise.all(found)).flat().flatMap(({ stages }) => stages.scGrpo.rewards ?? []);
}

/** What an experiment says of a function in a file. */
function useOf(uses: readonly RewardUse[], file: string, name: string): RewardUse | undefined {
  return uses.find((use) => {
    const path = parseRewardPath(use.name);
    return path?.file === file && (path.function === null || path.function === name);
  });
}

type Recorded = Awaited<ReturnType<RewardDebugService["recorded"]>>;

function itemsOf(
  at: Surroundings,
  path: string,
  view: RewardView,
  { recorded, uses }: { recorded: Recorded; uses: readonly RewardUse[] },
): Ranked[] {
  const findings = at.placedFindings(view);
  return view.functions.map(({ declaration: { name, language, weight }, name: span, report }) => {
    const inRun = recorded.find((column) => column.name === name || column.name.split(/[/#:]/).at(-1) === name);
    const { line, column } = view.lines.position(span.start);
    const isScored = report !== null && report.freshness !== "none";
    const use = useOf(uses, path, name);
    const item: RewardTreeItem = {
      ...{ name, language, weight: inRun?.weight ?? use?.weight ?? weight },
      place: { uri: at.uriOf(path), line: line - 1, character: column - 1 },
      freshness: isScored ? report.freshness : inRun === undefined ? "none" : "recorded",
      mean: isScored ? (report.scores?.mean ?? null) : (inRun?.mean ?? null),
      counts: isScored ? report.counts : (inRun?.counts ?? null),
      findings: findings
        .filter((finding) => finding.function === name)
        .map(({ id, severity, message, start }) => ({
          ...{ id, severity, message, line: view.lines.position(start).line - 1 },
        })),
    };
    return { item, isUsed: use !== undefined };
  });
}

// ---- versions

/** Newest first; versions with the same text as one before are left out. */
async function versionsOf(at: Surroundings, path: string): Promise<RewardVersionChoice[]> {
  const disk = await readFile(path, "utf8").catch(() => null);
  const screen = at.service.look(path)?.text ?? null;
  const seen = new Set<string>();
  const choices: RewardVersionChoice[] = [];
  const add = (text: string | null, version: RewardVersionRef, step: number | null = null) => {
    if (text === null || seen.has(text)) return;
    seen.add(text);
    choices.push({ version, step, hash: createHash("sha256").update(text).digest("hex").slice(0, 8) });
  };
  if (screen !== null && screen !== disk) add(screen, { kind: "screen" });
  add(disk, { kind: "disk" });
  for (const { id, folder } of at.services.runs.list().slice(0, maxRuns)) {
    const lineage = at.services.runs.get(id).manifest?.rewardLineage ?? [];
    for (const { step, copy } of keptOf(lineage, path).reverse()) {
      add(await readFile(join(folder, copy), "utf8").catch(() => null), { kind: "run", run: id, copy }, step);
    }
  }
  const listed = await at.service.list();
  const names = new Set(listed.filter(({ file }) => file === path).map(({ name }) => name));
  for (const { file, name } of listed) {
    if (file === path || !names.has(name)) continue;
    const text = at.service.look(file)?.text ?? (await readFile(file, "utf8").catch(() => null));
    add(text, { kind: "file", path: file });
  }
  return choices;
}

/** What runs kept of a file: of this path, or of its name where the run was made elsewhere. */
function keptOf(lineage: NonNullable<RunManifest["rewardLineage"]>, path: string): { step: number; copy: string }[] {
  return lineage.flatMap(({ step, rewards }) => {
    const kept = (matches: (file: string) => boolean) =>
      rewards.find((one: RewardVersion) => one.copy !== null && one.file !== null && matches(one.file));
    const reward = kept((file) => file === path) ?? kept((file) => basename(file) === basename(path));
    return reward === undefined ? [] : [{ step, copy: reward.copy! }];
  });
}

/** @throws ConfigError `reward/no-version` */
async function textOf(at: Surroundings, path: string, version: RewardVersionRef): Promise<VersionText> {
  switch (version.kind) {
    case "screen":
      return { path, text: at.service.look(path)?.text ?? (await readText(path)) };
    case "disk":
      return { path, text: await readText(path) };
    case "run": {
      const { folder, manifest } = at.services.runs.get(version.run);
      const isKept = manifest?.rewardLineage?.some(({ rewards }) => rewards.some(({ copy }) => copy === version.copy));
      if (!isKept || isAbsolute(version.copy)) throw noVersion(`Run ${version.run} keeps no ${version.copy}.`);
      // The old text stands where the file stands: its imports are looked for there.
      return { path, text: await readText(join(folder, version.copy)) };
    }
    case "file": {
      const other = at.services.allow(version.path);
      return { path: other, text: at.service.look(other)?.text ?? (await readText(other)) };
    }
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw noVersion(`${path} cannot be read: ${(error as Error).message}.`);
  }
}

function noVersion(message: string): ConfigError {
  return new ConfigError("reward/no-version", message, { hint: "Choose another version." });
}
