/** Commands about data sets. */
import { basename, extname, isAbsolute, normalize } from "node:path";
import { env, Uri, window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import { UserError } from "../errors";
import { chooseFolder } from "../projects";
import { plain, table } from "../reports";
import type { DataNode } from "../views/dataTree";
import * as messages from "../messages";
import { withProgress } from "./progress";
import type { Parts } from "./types";

/** Counts by category, and what is wrong with the files. */
export async function showDataStatistics(parts: Parts, target?: unknown): Promise<void> {
  const path = pathOf(target) ?? (await choosePath(parts));
  if (path === undefined) return;
  const overview = await withProgress(messages.readingData(), (token) =>
    parts.context.connection.request(lsp.dataOverview, { path }, token),
  );
  const title = messages.dataStatistics(basename(path));
  const { categories, problems, numNormal, numAnomalous, numProblems } = overview;
  const rows = categories.map(({ name, normal, anomalous }) => [name, String(normal), String(anomalous)]);
  const found = problems.map(({ severity, message, file, line }) => {
    const place = file === null ? "" : ` (${workspace.asRelativePath(file)}${line === null ? "" : `:${line}`})`;
    return `- ${severity === "error" ? "✘" : "–"} ${plain(message + place)}`;
  });
  const head = [messages.categoryColumn(), messages.normalColumn(), messages.anomalousColumn()];
  await parts.context.reports.show(
    title,
    [
      `# ${plain(title)}`,
      plain(path),
      `**${plain(messages.counts(numNormal, numAnomalous))}**`,
      table(head, rows),
      `## ${plain(numProblems === 0 ? messages.noProblems() : messages.problemCount(numProblems))}`,
      found.join("\n"),
    ].join("\n\n"),
  );
}

/** Compares all pictures of an experiment with each other. */
export async function findDuplicates({ context, projects, dataTree }: Parts): Promise<void> {
  const config = await projects.choose();
  if (config === undefined) return;
  const found = await withProgress(messages.comparingPictures(), (token) =>
    context.connection.request(lsp.projectLeaks, { configFile: config.fsPath }, token),
  );
  dataTree.showLeaks(config, found);
  const title = messages.leaksTitle(workspace.asRelativePath(config));
  const head = [messages.pictureColumn(), messages.otherColumn(), messages.howColumn()];
  const pairs = (list: typeof found.leaks) =>
    list.length === 0
      ? plain(messages.noneFound())
      : table(
          head,
          list.map(({ a, b, isSame, splits }) => [
            ...[workspace.asRelativePath(a), workspace.asRelativePath(b)],
            `${isSame ? messages.samePicture() : messages.similarPicture()} (${[...new Set(splits)].map(messages.splitName).join(" / ")})`,
          ]),
        );
  const unreadable = found.unreadable.map(
    ({ image, message }) => `- ${plain(`${workspace.asRelativePath(image)}: ${message}`)}`,
  );
  await context.reports.show(
    title,
    [
      `# ${plain(title)}`,
      `## ${plain(messages.leaksHeading(found.numLeaks))}`,
      pairs(found.leaks),
      `## ${plain(messages.duplicatesHeading(found.numDuplicates))}`,
      pairs(found.duplicates),
      ...(unreadable.length === 0
        ? []
        : [`## ${plain(messages.unreadableHeading(unreadable.length))}`, unreadable.join("\n")]),
    ].join("\n\n"),
  );
}

/** Copies a data set of another layout into the workspace, and says how an experiment names it. */
export async function importData(parts: Parts): Promise<void> {
  const folder = await chooseFolder();
  if (folder === undefined) return;
  const path = await askSource(folder);
  if (path === undefined) return;
  const name = basename(path) === "dataset_info.json" ? await askName(path) : undefined;
  if (name === null) return;
  const proposal = `data/${(name ?? basename(path, extname(path))).replaceAll(/[^\p{L}\p{N}_-]+/gu, "-") || "imported"}`;
  const isInside = (text: string) =>
    text.trim() !== "" && !isAbsolute(text) && !normalize(text.trim()).split(/[\\/]/).includes("..");
  const target = await window.showInputBox({
    ...{ title: messages.askImportTarget(), value: proposal, ignoreFocusOut: true },
    validateInput: (text) => (isInside(text) ? undefined : messages.importTargetWrong()),
  });
  if (target === undefined) return;
  const out = Uri.joinPath(folder, target.trim());
  const result = await withProgress(messages.importing(), (token) =>
    parts.context.connection.request(
      lsp.importData,
      { path, folder: out.fsPath, ...(name === undefined ? {} : { name }) },
      token,
    ),
  );
  parts.dataTree.refresh();
  await showDataStatistics(parts, out.fsPath);
  const text = messages.imported(result.numSamples, result.numProblems, workspace.asRelativePath(out));
  const copy = messages.copySource();
  if ((await window.showInformationMessage(text, copy)) === copy) {
    const written = target.trim().replaceAll("\\", "/");
    await env.clipboard.writeText(`{ kind: folder, path: ${JSON.stringify(written)} }`);
  }
}

async function askSource(folder: Uri): Promise<string | undefined> {
  const kinds = [
    { label: messages.importFolder(), detail: messages.importFolderDetail(), isFolder: true },
    { label: messages.importFile(), detail: messages.importFileDetail(), isFolder: false },
  ];
  const kind = await window.showQuickPick(kinds, { title: messages.pickImport(), ignoreFocusOut: true });
  if (kind === undefined) return undefined;
  const chosen = await window.showOpenDialog({
    ...{ title: messages.pickImport(), openLabel: messages.importAction(), defaultUri: folder },
    ...{ canSelectFolders: kind.isFolder, canSelectFiles: !kind.isFolder },
    ...(kind.isFolder ? {} : { filters: { "JSON, CSV": ["json", "csv", "tsv"] } }),
  });
  return chosen?.[0]?.fsPath;
}

/** Names that LLaMA-Factory's list has; null when the person chose none, undefined when there is nothing to choose. */
async function askName(path: string): Promise<string | null | undefined> {
  let names: string[] = [];
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(await workspace.fs.readFile(Uri.file(path))));
    if (typeof value === "object" && value !== null) names = Object.keys(value);
  } catch {
    // The server says what is wrong with the file.
  }
  if (names.length < 2) return undefined;
  return (await window.showQuickPick(names, { title: messages.askDataName(), ignoreFocusOut: true })) ?? null;
}

export function refreshData({ dataTree }: Parts): void {
  dataTree.refresh();
}

function pathOf(target: unknown): string | undefined {
  if (typeof target === "string") return target;
  if (typeof target !== "object" || target === null || !("kind" in target)) return undefined;
  const node = target as DataNode;
  return "set" in node ? (node.set.path ?? undefined) : undefined;
}

async function choosePath({ context, projects }: Parts): Promise<string | undefined> {
  const config = await projects.choose();
  if (config === undefined) return undefined;
  const { sets } = await context.connection.request(lsp.projectData, { configFile: config.fsPath });
  const paths = [...new Set(sets.flatMap(({ path }) => (path === null ? [] : [path])))];
  if (paths.length === 0) throw new UserError(messages.noDataOnDisk());
  if (paths.length === 1) return paths[0];
  const items = paths.map((path) => ({ label: basename(path), description: workspace.asRelativePath(path), path }));
  return (await window.showQuickPick(items, { ignoreFocusOut: true, title: messages.pickData() }))?.path;
}
