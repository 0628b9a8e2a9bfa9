/**
 * Keeps a completion as an expectation of a reward: a case in `probes/<reward>.yaml` beside the folder of the reward file, which the Testing
 * view runs from then on. The file is made when it is missing; what a person wrote in it stays.
 */
import { basename, dirname, join, relative } from "node:path";
import type { OwnReward } from "@iad-r1/protocol/webview";
import { Uri, window, workspace } from "vscode";
import * as messages from "../messages";

interface Probe {
  reward: OwnReward;
  completion: string;
  solution: string | null;
}

/** Asks what the reward must say; writes nothing when the question is left. */
export async function addProbe({ reward, completion, solution }: Probe): Promise<void> {
  const expect = await window.showInputBox({
    title: messages.probeExpectation(reward.name),
    prompt: messages.probeExpectationHelp(),
    value: ">= 1",
    ignoreFocusOut: true,
    validateInput: (value) =>
      /^\s*((<=|>=|==|=|<|>|!=)?\s*-?\d+(\.\d+)?|na|error)\s*$/i.test(value) ? undefined : messages.probeWrong(),
  });
  if (expect === undefined) return;
  const file = Uri.parse(reward.uri).fsPath;
  // Beside the folder of the reward, unless that would be outside of the project.
  const beside = dirname(dirname(file));
  const isInside = workspace.getWorkspaceFolder(Uri.file(beside)) !== undefined;
  const folder = join(isInside ? beside : dirname(file), "probes");
  const target = Uri.file(join(folder, `${basename(file).replace(/(\.reward)?\.[^.]+$/, "")}.yaml`));
  const before = await textOf(target);
  // JSON strings are YAML strings: no text of a model can become another key.
  const lines = [
    `  - name: ${JSON.stringify(messages.probeName(completion.replace(/\s+/g, " ").slice(0, 40)))}`,
    `    function: ${JSON.stringify(reward.name)}`,
    `    completion: ${JSON.stringify(completion)}`,
    ...(solution === null ? [] : [`    solution: ${JSON.stringify(solution)}`]),
    `    expect: ${JSON.stringify(expect.trim())}`,
  ];
  const start =
    before === null
      ? `reward: ${JSON.stringify(relative(folder, file).replaceAll("\\", "/"))}\ncases:\n`
      : before.endsWith("\n")
        ? before
        : `${before}\n`;
  await workspace.fs.writeFile(target, new TextEncoder().encode(`${start}${lines.join("\n")}\n`));
  await window.showTextDocument(target, { preview: true });
}

async function textOf(file: Uri): Promise<string | null> {
  try {
    return new TextDecoder().decode(await workspace.fs.readFile(file));
  } catch {
    return null;
  }
}
