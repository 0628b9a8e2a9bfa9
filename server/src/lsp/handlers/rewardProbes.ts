/**
 * Completions that become expectations of a reward: what a finding suggests, as an edit of a quick fix, and what a person chooses among the
 * recorded ones. Both are kept as `keepProbes` says. The editor does the writing.
 */
import { keepRewardProbe } from "@iad-r1/protocol/lsp";
import type { ProbeAddition } from "@iad-r1/protocol/rewardDebugger";
import type { WorkspaceEdit } from "vscode-languageserver";
import type { FindingProbe } from "../../rewards/analysis/finding";
import { keepProbes } from "../../rewards/debug/keepProbes";
import type { Services } from "../../services";
import { uriOfPath } from "../convert";
import type { Dispatcher } from "../dispatch";
import { keepProbeParams } from "../params";
import { sourcePath } from "./rollouts";

interface Surroundings {
  services: Services;
  requirePath(uri: string): string;
  /** Of the window: nothing of a project is kept outside of them. */
  folders(): readonly string[];
}

export function registerRewardProbes(on: Dispatcher, { services, requirePath, folders }: Surroundings): void {
  on.on(keepRewardProbe, keepProbeParams, async ({ uri, function: reward, source, rollout, ...probe }, signal) => {
    const path = requirePath(uri);
    const params = { path: sourcePath(services, source), key: rollout };
    const { solution, prompt, columns } = await services.explore.run("row", params, signal);
    return addition(path, reward, [{ ...probe, solution, prompt, columns }], folders());
  });
}

/** Null when all of them are kept already. */
export function probeEdit(
  path: string,
  reward: string,
  probes: readonly FindingProbe[],
  folders: readonly string[],
): WorkspaceEdit | null {
  const added = addition(path, reward, probes, folders);
  if (added === null) return null;
  const { uri, isNew, end, text } = added;
  const create = { kind: "create" as const, uri, options: { ignoreIfExists: true } };
  const edits = [{ range: { start: end, end }, newText: text }];
  return { documentChanges: [...(isNew ? [create] : []), { textDocument: { uri, version: null }, edits }] };
}

function addition(...kept: Parameters<typeof keepProbes>): ProbeAddition | null {
  const added = keepProbes(...kept);
  if (added === null) return null;
  const { path, ...rest } = added;
  return { uri: uriOfPath(path), ...rest };
}
