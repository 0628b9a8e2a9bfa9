/** New Training Run: a few questions, one after the other, whose answers become an experiment file that is opened to be read and changed. */
import { basename } from "node:path";
import { type QuickPickItem, Uri, window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { ConfigChoices } from "@iad-r1/protocol/project";
import { chooseFolder, isFree } from "../projects";
import { proposedName } from "../projectName";
import * as messages from "../messages";
import type { Parts } from "./types";

type Data = ConfigChoices["train"];

/** Seeds that keep generated training and test pictures apart. */
const synthetic = {
  train: { kind: "synth", seed: 1001, count: 1200 },
  heldOut: { kind: "synth", seed: 2001, count: 100 },
} as const satisfies Record<string, Data>;

export async function newRun(parts: Parts): Promise<void> {
  const folder = await chooseFolder();
  if (folder === undefined) return;
  const choices = await ask(parts, folder);
  if (choices === null) return;
  const { text } = await parts.context.connection.request(lsp.composeConfig, choices);
  const target = await place(folder, choices.project);
  if (target === undefined) return;
  await workspace.fs.writeFile(target, new TextEncoder().encode(text));
  await window.showTextDocument(await workspace.openTextDocument(target), { preview: false });
}

/** The answers, or null when a question was left. */
async function ask({ context, models }: Parts, folder: Uri): Promise<ConfigChoices | null> {
  const title = messages.newRunTitle();
  const project = await window.showInputBox({
    ...{
      title,
      prompt: messages.askProject(),
      value: proposedName(basename(folder.fsPath)),
    },
    validateInput: (value) => (/^[\w-]{1,60}$/.test(value) ? undefined : messages.projectWrong()),
  });
  if (project === undefined) return null;
  const kind = await choose<ConfigChoices["kind"]>(messages.askKind(), [
    { label: messages.bothStages(), detail: messages.bothStagesDetail(), value: "post-train" },
    { label: messages.onlyPaSft(), detail: messages.onlyPaSftDetail(), value: "pa-sft" },
    { label: messages.onlyScGrpo(), detail: messages.onlyScGrpoDetail(), value: "sc-grpo" },
  ]);
  if (kind === undefined) return null;
  const model = await models.pick(messages.askBase());
  if (model === undefined) return null;
  const info = models.all.find(({ id }) => id === model);
  const train = await askData(messages.askTrainingData(), synthetic.train, false);
  if (train === undefined || train === null) return null;
  const heldOut = await askData(messages.askHeldOut(), synthetic.heldOut, true);
  if (heldOut === undefined) return null;
  const trainable = await choose<ConfigChoices["trainable"]>(
    messages.askTrainable(),
    preferred(info?.source === "embedded" ? "language" : "lora", [
      { label: messages.loraWeights(), detail: messages.loraDetail(), value: "lora" },
      { label: messages.languageWeights(), detail: messages.languageDetail(), value: "language" },
      { label: messages.allWeights(), detail: messages.allDetail(), value: "all" },
    ]),
  );
  if (trainable === undefined) return null;
  context.log.debug(`new run: ${kind}, ${model}, ${trainable}`);
  return {
    ...{ project, kind, train, trainable, folder: folder.fsPath },
    // The server knows the folder of the embedded checkpoint and writes its name.
    model: info?.reference.base ?? model,
    ...(info?.reference.adapter ? { adapter: info.reference.adapter } : {}),
    ...(heldOut === null ? {} : { heldOut }),
  };
}

interface Choice<T> extends QuickPickItem {
  value: T;
}

async function choose<T>(title: string, choices: readonly Choice<T>[]): Promise<T | undefined> {
  return (await window.showQuickPick([...choices], { title, ignoreFocusOut: true }))?.value;
}

/** The choice that fits most stands first. */
function preferred<T>(value: T, choices: readonly Choice<T>[]): Choice<T>[] {
  return [...choices].sort((a, b) => Number(b.value === value) - Number(a.value === value));
}

/** undefined when the question was left, null for "none". */
async function askData(title: string, generated: Data, isOptional: boolean): Promise<Data | null | undefined> {
  const chosen = await choose<"synth" | "disk" | "none">(title, [
    { label: messages.syntheticData(), detail: messages.syntheticDataDetail(), value: "synth" },
    { label: messages.folderData(), detail: messages.folderDataDetail(), value: "disk" },
    ...(isOptional ? [{ label: messages.noHeldOut(), value: "none" as const }] : []),
  ]);
  if (chosen === "synth") return generated;
  if (chosen === "none") return null;
  if (chosen === undefined) return undefined;
  const root = workspace.workspaceFolders?.[0]?.uri;
  const found = await window.showOpenDialog({
    ...{ canSelectFiles: true, canSelectFolders: true, title, ...(root === undefined ? {} : { defaultUri: root }) },
  });
  return found?.[0] === undefined ? undefined : { path: found[0].fsPath };
}

/** Where the file goes: iadr1.yaml, or another name when that is taken. */
async function place(folder: Uri, project: string): Promise<Uri | undefined> {
  const usual = Uri.joinPath(folder, "iadr1.yaml");
  if (await isFree(usual)) return usual;
  const answer = await window.showWarningMessage(
    messages.configExists(basename(usual.fsPath)),
    { modal: true },
    messages.otherName(),
    messages.replaceFile(),
  );
  if (answer === messages.replaceFile()) return usual;
  if (answer === undefined) return undefined;
  return window.showSaveDialog({
    defaultUri: Uri.joinPath(folder, `${project}.iadr1.yaml`),
    filters: { YAML: ["yaml", "yml"] },
  });
}
