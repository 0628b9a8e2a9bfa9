/**
 * Keeps a completion as an expectation of a reward, which the Testing view runs from then on. It asks what the reward must say and writes;
 * where it goes and how it is put is the server's business, as for the quick fix that keeps probes.
 */
import * as lsp from "@iad-r1/protocol/lsp";
import { expectationPattern, type RolloutKey, type RolloutSource } from "@iad-r1/protocol/rewardDebugger";
import type { OwnReward } from "@iad-r1/protocol/webview";
import { Position, Uri, window, workspace, WorkspaceEdit } from "vscode";
import type { ServerConnection } from "../server/connection";
import * as messages from "../messages";

interface Probe {
  reward: OwnReward;
  source: RolloutSource;
  rollout: RolloutKey;
  /** Its own text, or the one that a person wrote in its place. */
  completion: string;
}

/** Writes nothing when the question is left. */
export async function addProbe(connection: ServerConnection, probe: Probe): Promise<void> {
  const { reward, source, rollout, completion } = probe;
  const expect = await window.showInputBox({
    title: messages.probeExpectation(reward.name),
    prompt: messages.probeExpectationHelp(),
    value: ">= 1",
    ignoreFocusOut: true,
    validateInput: (value) => (expectationPattern.test(value) ? undefined : messages.probeWrong()),
  });
  if (expect === undefined) return;
  // The server reads these files from the disk.
  const unsaved = workspace.textDocuments.filter(({ isDirty, uri }) => isDirty && /\/probes\/[^/]+$/.test(uri.path));
  await Promise.all(unsaved.map((each) => each.save()));
  const added = await connection.request(lsp.keepRewardProbe, {
    ...{ uri: reward.uri, function: reward.name, source, rollout, completion, expect: expect.trim() },
    name: messages.probeName(completion.replace(/\s+/g, " ").slice(0, 40)),
  });
  if (added === null) {
    void window.showInformationMessage(messages.probeIsThere(reward.name));
    return;
  }
  const target = Uri.parse(added.uri);
  const edit = new WorkspaceEdit();
  if (added.isNew) edit.createFile(target, { ignoreIfExists: true });
  edit.insert(target, new Position(added.end.line, added.end.character), added.text);
  if (!(await workspace.applyEdit(edit))) throw new Error(`${target.fsPath} could not be changed`);
  const document = await workspace.openTextDocument(target);
  await document.save();
  await window.showTextDocument(document, { preview: true });
}
