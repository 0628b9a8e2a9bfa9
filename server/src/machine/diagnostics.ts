/**
 * The text that *Collect Diagnostics for a Bug Report* shows: versions, machine, the experiment's settings, what is wrong with it, the
 * latest runs. No pictures, no answers, no texts of data sets, no folders, no names; the person reads it before anything is shared.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { formatError } from "@iad-r1/models/errors";
import type { MachineCheck } from "@iad-r1/protocol/project";
import { isConfigPath } from "../config/configPath";
import { embeddedModels } from "../config/modelNames";
import { openDocument } from "../features/documents";
import { textFindings } from "../features/findings";
import { listRuns } from "../runs/store";
import { type RedactOptions, withoutSecrets } from "./redact";

export interface DiagnosticsOptions {
  version: string;
  checks: readonly MachineCheck[];
  /** Folder of the experiment files, and of the runs below `.iadr1/runs`. */
  project: string;
  /** Further facts, such as those of an editor: name to value. */
  facts?: Readonly<Record<string, string>>;
  /** The end of a log. */
  log?: string;
  /** For tests; names of this machine when left out. */
  words?: readonly string[];
}

const maxRuns = 5;
const maxFindings = 20;
const maxConfigs = 5;
const maxConfigBytes = 1 << 20;
const maxLogLength = 20_000;

export function diagnosticsText(options: DiagnosticsOptions): string {
  const { version, checks, facts = {}, log } = options;
  const project = resolve(options.project);
  const sections: [title: string, lines: string[]][] = [
    [
      "Versions",
      [
        `iad-r1 ${version}`,
        `node ${process.versions.node}, ${process.platform} ${process.arch}`,
        ...Object.entries(facts).map(([name, value]) => `${name}: ${value}`),
      ],
    ],
    [
      "Machine",
      checks.map(({ name, status, evidence, cure }) => {
        return `${status.padEnd(8)} ${name}: ${evidence}${cure === null ? "" : ` (cure: ${cure})`}`;
      }),
    ],
    ...configFiles(project).map((name): [string, string[]] => [`Experiment ${name}`, experimentLines(project, name)]),
    ["Latest runs", runLines(project)],
  ];
  if (log !== undefined && log !== "") sections.push(["End of the log", log.slice(-maxLogLength).split("\n")]);
  const text = sections.map(([title, lines]) => `## ${title}\n\n${lines.length === 0 ? "none" : lines.join("\n")}\n`);
  const redact: RedactOptions = {
    folders: [{ path: project, name: "<project>" }],
    ...(options.words === undefined ? {} : { words: options.words }),
  };
  return withoutSecrets(`# IAD-R1 diagnostics\n\n${text.join("\n")}`, redact);
}

function configFiles(project: string): string[] {
  try {
    return readdirSync(project).filter(isConfigPath).sort().slice(0, maxConfigs);
  } catch {
    return [];
  }
}

/** Settings with every free text taken out, and what the checks say, by line. */
function experimentLines(project: string, name: string): string[] {
  const path = join(project, name);
  try {
    const { size } = statSync(path);
    if (size > maxConfigBytes) return [`${size} bytes, too large to be read`];
    const document = openDocument(path, readFileSync(path, "utf8"));
    if (document?.kind !== "config") return ["no experiment"];
    const findings = textFindings(document);
    return [
      JSON.stringify(withoutTexts(document.tree.value)),
      "",
      `${findings.length} findings`,
      // Messages quote the file; the code and the place say enough.
      ...findings
        .slice(0, maxFindings)
        .map(({ severity, code, range }) => `line ${range.start.line + 1}: ${severity} ${code}`),
    ];
  } catch (error) {
    return [`cannot be read: ${formatError(error)}`];
  }
}

/** Choices such as `lora` stay; names, paths and categories are only counted. */
function withoutTexts(value: unknown, key = ""): unknown {
  if (typeof value === "string") return plainWord(key, value) ? value : `<text of ${value.length}>`;
  if (Array.isArray(value)) return value.map((item) => withoutTexts(item, key));
  if (typeof value !== "object" || value === null) return value;
  // Keys that nobody knows may be anything, a secret too.
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      /^[A-Za-z0-9]{1,24}$/.test(name) ? name : "<key>",
      withoutTexts(inner, name),
    ]),
  );
}

/** Keys whose values are chosen from a list or are names of built-in things. */
const choiceKeys = new Set([
  ...["kind", "preset", "side", "split", "trainable", "schedule", "lossType", "scaleRewards", "rewardErrors"],
  ...["augment", "style", "device", "targets"],
]);

function plainWord(key: string, value: string): boolean {
  if (key === "base" && embeddedModels.has(value)) return true;
  if (key === "name" && /^iad-r1(?:-strict)?(?:\/[a-z-]+)?$/.test(value)) return true;
  return choiceKeys.has(key) && /^[A-Za-z0-9_-]{1,24}$/.test(value);
}

function runLines(project: string): string[] {
  try {
    return listRuns(join(project, ".iadr1", "runs"))
      .slice(0, maxRuns)
      .map(({ kind, state, reason, attempt, lastStage, lastStep, createdMs, updatedMs }) => {
        const place = lastStage === null ? "not begun" : `${lastStage} step ${lastStep}`;
        const time = `${new Date(createdMs).toISOString()}, ${Math.round((updatedMs - createdMs) / 1000)} s`;
        return `${kind} ${state} at ${place}, attempt ${attempt}, ${time}${reason === null ? "" : `: ${reason}`}`;
      });
  } catch (error) {
    return [`cannot be listed below ${dirname(join(project, ".iadr1", "runs"))}: ${formatError(error)}`];
  }
}
