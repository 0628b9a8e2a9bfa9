/**
 * Rewards in the Testing view: each probe of the battery and each kept expectation is a test. Runs once, continuously after a save, and with
 * coverage: the lines that the rollouts of the scope came through.
 */
import {
  type CancellationToken,
  FileCoverage,
  Position,
  Range,
  StatementCoverage,
  type TestController,
  type TestItem,
  TestMessage,
  type TestRunRequest,
  TestRunProfileKind,
  tests,
  Uri,
  workspace,
} from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { RewardTestResult } from "@iad-r1/protocol/rewardDebugger";
import type { Context } from "../context";
import type { Disposable } from "../emitter";
import * as messages from "../messages";
import type { LiveValues } from "./liveValues";
import type { ReachDecorations } from "./reachDecorations";

/** Files whose saving may change a result. */
const related = /(\.(?:[cm]?[jt]s|py)|[\\/]probes[\\/][^\\/]+\.ya?ml|\.probes\.json)$/i;

export class RewardTests implements Disposable {
  private readonly controller: TestController;
  private readonly subscriptions: Disposable[];
  /** Continuous runs that go on. */
  private readonly continuous = new Set<TestRunRequest>();

  constructor(
    private readonly context: Context,
    private readonly live: LiveValues,
    private readonly reach: ReachDecorations,
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.controller = tests.createTestController("iadr1.rewards", messages.rewardTests());
    this.controller.resolveHandler = async (item) => {
      if (item === undefined) await this.findFunctions();
      else await this.findTests(item);
    };
    this.controller.refreshHandler = () => this.findFunctions();
    const run = (request: TestRunRequest, token: CancellationToken) => this.run(request, token, false);
    this.controller.createRunProfile(messages.runProbes(), TestRunProfileKind.Run, run, true, undefined, true);
    const coverage = this.controller.createRunProfile(
      messages.rewardCoverage(),
      TestRunProfileKind.Coverage,
      (...asked) => this.run(...asked, true),
    );
    coverage.loadDetailedCoverage = async (_run, file) => this.statements(file.uri);
    this.subscriptions = [
      this.controller,
      context.connection.onDidConnect(() => void this.findFunctions().catch(() => undefined)),
      workspace.onDidSaveTextDocument(({ uri }) => this.saved(uri)),
    ];
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
  }

  private async findFunctions(): Promise<void> {
    if (this.context.connection.state.kind !== "ready") return;
    const rewards = await this.context.connection.request(lsp.listRewards);
    const items = rewards.map(({ name, uri, line, character }) => {
      const place = Uri.parse(uri);
      const item = this.controller.createTestItem(`${uri} ${name}`, name, place);
      item.description = workspace.asRelativePath(place);
      item.range = new Range(line, character, line, character + name.length);
      item.canResolveChildren = true;
      return item;
    });
    this.controller.items.replace(items);
  }

  private async findTests(item: TestItem): Promise<void> {
    const found = await this.context.connection.request(lsp.rewardTests, { uri: item.uri!.toString() });
    item.children.replace(
      found
        .filter((test) => test.function === nameOf(item))
        .map(({ id, label, kind, uri, line }) => {
          const test = this.controller.createTestItem(id, label, Uri.parse(uri));
          test.description = kind === "expectation" ? messages.expectation() : "";
          test.range = new Range(line, 0, line, 0);
          return test;
        }),
    );
  }

  private async run(request: TestRunRequest, token: CancellationToken, withCoverage: boolean): Promise<void> {
    if (request.continuous === true && !this.continuous.has(request)) {
      this.continuous.add(request);
      token.onCancellationRequested(() => this.continuous.delete(request));
    }
    try {
      if (!(await this.live.mayRun())) return;
      await this.runOnce(request, token, withCoverage);
    } catch (error) {
      this.onFailure(error);
    }
  }

  private async runOnce(request: TestRunRequest, token: CancellationToken, withCoverage: boolean): Promise<void> {
    const run = this.controller.createTestRun(request);
    try {
      if (this.controller.items.size === 0) await this.findFunctions();
      const chosen = await this.testsOf(request);
      for (const item of chosen.values()) for (const test of item) run.started(test);
      for (const [uri, items] of chosen) {
        const ids = items.map(({ id }) => id);
        const results = await this.context.connection.request(lsp.runRewardTests, { uri, ids }, token);
        const byId = new Map(results.map((result) => [result.id, result]));
        for (const item of items) {
          const result = byId.get(item.id);
          if (result === undefined) run.skipped(item);
          else tell(run, item, result);
        }
        if (withCoverage) this.cover(run, Uri.parse(uri));
      }
    } finally {
      run.end();
    }
  }

  /** Single tests by the file of their reward. */
  private async testsOf({ include, exclude }: TestRunRequest): Promise<Map<string, TestItem[]>> {
    const excluded = new Set(exclude ?? []);
    const found = new Map<string, TestItem[]>();
    const add = async (item: TestItem): Promise<void> => {
      if (excluded.has(item)) return;
      if (item.parent === undefined) {
        if (item.children.size === 0) await this.findTests(item);
        for (const [, child] of item.children) await add(child);
        return;
      }
      const uri = item.parent.uri!.toString();
      found.set(uri, [...(found.get(uri) ?? []), item]);
    };
    const roots: TestItem[] = [];
    this.controller.items.forEach((item) => void roots.push(item));
    for (const item of include ?? roots) await add(item);
    return found;
  }

  private cover(run: ReturnType<TestController["createTestRun"]>, uri: Uri): void {
    const statements = this.statements(uri);
    if (statements.length > 0) run.addCoverage(FileCoverage.fromDetails(uri, statements));
  }

  private statements(uri: Uri): StatementCoverage[] {
    const lines = this.reach.of(uri)?.lines ?? [];
    return lines.map(({ line, rows }) => new StatementCoverage(rows, new Position(line, 0)));
  }

  private saved(uri: Uri): void {
    if (!related.test(uri.path) || this.context.connection.state.kind !== "ready") return;
    void (async () => {
      // Items that a continuous run names must stay the same.
      if (this.continuous.size === 0) await this.findFunctions();
      for (const request of this.continuous) {
        // A run of its own for each save; the request lives until a person ends it.
        if (this.live.isOn) await this.runOnce(request, noCancel, false);
      }
    })().catch((error: unknown) => this.onFailure(error));
  }
}

const noCancel = { isCancellationRequested: false, onCancellationRequested: () => ({ dispose: () => {} }) };

/** The id holds the address and the name. */
function nameOf({ id }: TestItem): string {
  return id.slice(id.indexOf(" ") + 1);
}

function tell(run: ReturnType<TestController["createTestRun"]>, item: TestItem, result: RewardTestResult): void {
  const { outcome, message, expected, actual, milliseconds } = result;
  if (outcome === "passed") run.passed(item, milliseconds);
  else if (outcome === "skipped") run.skipped(item);
  else if (outcome === "errored") run.errored(item, new TestMessage(message), milliseconds);
  else run.failed(item, TestMessage.diff(message, expected, actual), milliseconds);
}
