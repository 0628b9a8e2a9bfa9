/**
 * What training runs found in the rewards they use, where a person meets it: an entry in Problems at the reward, and one message when a run
 * waits because of it. Runs that have ended say nothing here any more; their rollouts are examined where the reward is open.
 */
import {
  commands,
  Diagnostic,
  type DiagnosticCollection,
  DiagnosticSeverity,
  languages,
  Position,
  Range,
  Uri,
  window,
} from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import { type ListedFinding, pausedByUser, type RunListing } from "@iad-r1/protocol/runs";
import type { Context } from "../context";
import type { Disposable } from "../emitter";
import { sentence } from "../errors";
import * as messages from "../messages";
import { isFinal } from "../runs/runStore";

const severities = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
} as const;

export class RunFindings implements Disposable {
  private readonly problems: DiagnosticCollection = languages.createDiagnosticCollection("iad-r1 runs");
  private readonly subscriptions: Disposable[];
  /** As JSON: what Problems shows now. */
  private shown = "[]";

  constructor(private readonly context: Context) {
    this.subscriptions = [
      this.problems,
      context.runs.onDidChange((changes) => {
        void this.show().catch((error: unknown) => context.log.warn(sentence(error)));
        for (const { before, after } of changes) {
          const isNews = before !== null && (before.state !== after?.state || before.reason !== after.reason);
          if (after !== null && isNews && isHeld(after)) void this.tell(after);
        }
      }),
    ];
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
  }

  private async show(): Promise<void> {
    const found = this.context.runs.all
      .filter((run) => !isFinal(run))
      .flatMap((run) => run.findings.map((finding) => ({ run: run.id, finding })));
    const text = JSON.stringify(found);
    if (text === this.shown) return;
    this.shown = text;
    const rewards = found.length === 0 ? [] : await this.context.connection.request(lsp.listRewards);
    // Another change came while the rewards were listed: it shows the newer state.
    if (this.shown !== text) return;
    const byFile = new Map<string, Diagnostic[]>();
    for (const { run, finding } of found) {
      if (finding.file === null) continue;
      const uri = Uri.file(finding.file).toString();
      const place = rewards.find((one) => one.name === finding.reward && Uri.parse(one.uri).toString() === uri);
      byFile.set(uri, [...(byFile.get(uri) ?? []), problemOf(run, finding, place)]);
    }
    this.problems.clear();
    for (const [uri, problems] of byFile) this.problems.set(Uri.parse(uri), problems);
  }

  private async tell(run: RunListing): Promise<void> {
    const finding = run.findings.findLast(({ pauses }) => pauses);
    const file = finding?.file ?? null;
    const open = messages.openReward();
    const resume = messages.resumeCorrected();
    const actions = file === null ? [messages.openDashboard()] : [open, resume];
    const chosen = await window.showWarningMessage(messages.runHeld(run), ...actions);
    if (chosen === messages.openDashboard()) await commands.executeCommand("iadr1.openDashboard", run.id);
    if (chosen === open && file !== null) await openReward(this.context, file, finding?.reward ?? null);
    if (chosen === resume) await commands.executeCommand("iadr1.resumeWithRewards", run.id);
  }
}

/** Shows a reward file at its function, where that is known. */
export async function openReward({ connection }: Context, file: string, reward: string | null): Promise<void> {
  const uri = Uri.file(file);
  const rewards = await connection.request(lsp.listRewards).catch(() => []);
  const found = rewards.find((one) => one.name === reward && Uri.parse(one.uri).toString() === uri.toString());
  const place = new Position(found?.line ?? 0, found?.character ?? 0);
  await window.showTextDocument(uri, { selection: new Range(place, place) });
}

/** It waits, and not because a person said so. */
function isHeld({ state, reason, findings }: RunListing): boolean {
  return state === "paused" && reason !== pausedByUser && findings.some(({ pauses }) => pauses);
}

function problemOf(
  run: string,
  { id, severity, message, reward, step }: ListedFinding,
  place: { line: number; character: number } | undefined,
): Diagnostic {
  const { line, character } = place ?? { line: 0, character: 0 };
  const range = new Range(line, character, line, character + (place === undefined ? 0 : reward.length));
  const problem = new Diagnostic(range, messages.toldInRun(message, run, step), severities[severity]);
  problem.code = id;
  problem.source = "IAD-R1";
  return problem;
}
