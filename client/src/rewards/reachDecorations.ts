/** Bars in the gutter for lines of rewards that rollouts came through, and a faint background on lines that none did. Draws what it is told. */
import { DecorationRangeBehavior, OverviewRulerLane, Range, type TextEditor, ThemeColor, Uri, window } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { RewardReach } from "@iad-r1/protocol/rewardDebugger";
import type { Context } from "../context";
import { type Disposable, Emitter } from "../emitter";

export class ReachDecorations implements Disposable {
  private readonly changed = new Emitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly newest = new Map<string, RewardReach>();
  private readonly subscriptions: Disposable[];
  private readonly full: ReturnType<typeof window.createTextEditorDecorationType>;
  private readonly part: typeof this.full;
  private readonly never: typeof this.full;

  constructor(context: Context) {
    const bar = (name: string) => ({
      gutterIconPath: context.asset("media", "reach", `${name}.svg`),
      gutterIconSize: "contain",
      rangeBehavior: DecorationRangeBehavior.ClosedClosed,
    });
    this.full = window.createTextEditorDecorationType(bar("full"));
    this.part = window.createTextEditorDecorationType(bar("part"));
    this.never = window.createTextEditorDecorationType({
      isWholeLine: true,
      backgroundColor: new ThemeColor("diffEditor.unchangedCodeBackground"),
      overviewRulerColor: new ThemeColor("testing.uncoveredGutterBackground"),
      overviewRulerLane: OverviewRulerLane.Left,
      ...bar("never"),
    });
    context.connection.onNotification(lsp.didChangeReach, (reach) => this.take(reach));
    this.subscriptions = [
      this.full,
      this.part,
      this.never,
      window.onDidChangeVisibleTextEditors((editors) => {
        for (const editor of editors) this.draw(editor);
      }),
      context.connection.onDidChangeState(({ kind }) => {
        if (kind === "ready") return;
        this.newest.clear();
        for (const editor of window.visibleTextEditors) this.draw(editor);
      }),
    ];
  }

  /** Lines of a document with the rollouts that came through; null where nothing is known. */
  of(uri: Uri): RewardReach | null {
    return this.newest.get(uri.toString()) ?? null;
  }

  dispose(): void {
    for (const each of this.subscriptions) each.dispose();
    this.changed.dispose();
  }

  private take(reach: RewardReach): void {
    const key = Uri.parse(reach.uri).toString();
    if (reach.state === "off") this.newest.delete(key);
    else this.newest.set(key, reach);
    for (const editor of window.visibleTextEditors) if (editor.document.uri.toString() === key) this.draw(editor);
    this.changed.fire();
  }

  private draw(editor: TextEditor): void {
    const reach = this.newest.get(editor.document.uri.toString());
    // Marks of an older text would stand on wrong lines.
    if (reach !== undefined && reach.version !== editor.document.version && reach.lines.length > 0) return;
    const lines = reach?.lines ?? [];
    const ranges = (isWanted: (one: (typeof lines)[number]) => boolean) =>
      lines.filter(isWanted).map(({ line }) => new Range(line, 0, line, 0));
    editor.setDecorations(
      this.full,
      ranges(({ rows, total }) => rows >= total && total > 0),
    );
    editor.setDecorations(
      this.part,
      ranges(({ rows, total }) => rows > 0 && rows < total),
    );
    editor.setDecorations(
      this.never,
      ranges(({ rows }) => rows === 0),
    );
  }
}
