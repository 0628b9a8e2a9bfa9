/** Commands about data sets. */
import { basename } from "node:path";
import { window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import { UserError } from "../errors";
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
      `## ${plain(numProblems === 0 ? messages.noProblems() : messages.problems(numProblems))}`,
      found.join("\n"),
    ].join("\n\n"),
  );
}

/** Compares all pictures of an experiment with each other. */
export async function findDuplicates({ context, projects }: Parts): Promise<void> {
  const config = await projects.choose();
  if (config === undefined) return;
  const found = await withProgress(messages.comparingPictures(), (token) =>
    context.connection.request(lsp.projectLeaks, { configFile: config.fsPath }, token),
  );
  const title = messages.leaksTitle(workspace.asRelativePath(config));
  const head = [messages.pictureColumn(), messages.otherColumn(), messages.howColumn()];
  const pairs = (list: typeof found.leaks) =>
    list.length === 0
      ? plain(messages.noneFound())
      : table(
          head,
          list.map(({ a, b, isSame, splits }) => [
            ...[workspace.asRelativePath(a), workspace.asRelativePath(b)],
            `${isSame ? messages.samePicture() : messages.similarPicture()} (${[...new Set(splits)].join(" / ")})`,
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

export function refreshData({ dataTree }: Parts): void {
  dataTree.refresh();
}

function pathOf(target: unknown): string | undefined {
  if (typeof target !== "object" || target === null || !("kind" in target)) return undefined;
  return (target as DataNode).set.path ?? undefined;
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
