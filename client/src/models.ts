/** The models that can inspect or learn, as the server lists them, and which one is taken when nobody chose. */
import { isAbsolute } from "node:path";
import { type Uri, window } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { ModelInfo } from "@iad-r1/protocol/models";
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { InspectorModel } from "@iad-r1/protocol/webview";
import { percent } from "./durations";
import { Emitter } from "./emitter";
import type { RunStore } from "./runs/runStore";
import type { ServerConnection } from "./server/connection";
import { setting } from "./settings";
import * as messages from "./messages";

export class Models {
  private list: ModelInfo[] = [];
  private readonly changed = new Emitter<void>();
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly connection: ServerConnection,
    private readonly runs: RunStore,
  ) {}

  get all(): readonly ModelInfo[] {
    return this.list;
  }

  /** Asks the server, which is started for it. */
  async refresh(): Promise<void> {
    const list = await this.connection.request(lsp.listModels);
    if (JSON.stringify(list) === JSON.stringify(this.list)) return;
    this.list = list;
    this.changed.fire();
  }

  forInspector(): InspectorModel[] {
    return this.list.map(({ id, title, reference }) => ({
      ...{ id, label: title },
      detail: reference.adapter ?? reference.base,
    }));
  }

  /** What a request may name: the id of a listed model, or the folder that a person typed. */
  reference(id: string): ModelReference | string {
    const isListed = this.list.some((model) => model.id === id);
    return isListed || !isAbsolute(id) ? id : { base: id, adapter: null };
  }

  /** The one of the settings; otherwise what the newest run left; otherwise the embedded one. */
  defaultId(resource?: Uri): string | null {
    const wanted = setting("inspect.defaultModel", resource);
    if (wanted !== "") return wanted;
    const createdMs = (model: ModelInfo) => this.runs.get(model.run ?? "")?.createdMs ?? 0;
    const finished = this.list.filter(({ source, step }) => source === "run" && step === null);
    // Of one run the later stage stands first.
    const newest = finished.reduce<ModelInfo | null>(
      (best, model) => (best === null || createdMs(model) > createdMs(best) ? model : best),
      null,
    );
    return newest?.id ?? this.list.find(({ source }) => source === "embedded")?.id ?? null;
  }

  /** Lets a person choose; undefined when they did not. */
  async pick(title: string): Promise<string | undefined> {
    await this.refresh();
    const items = this.list.map(({ id, title: label, reference, balancedAccuracy }) => ({
      ...{ id, label },
      description: balancedAccuracy === null ? "" : messages.accuracyOf(percent(balancedAccuracy)),
      detail: reference.adapter ?? reference.base,
    }));
    return (await window.showQuickPick(items, { title, matchOnDetail: true, ignoreFocusOut: true }))?.id;
  }

  dispose(): void {
    this.changed.dispose();
  }
}
