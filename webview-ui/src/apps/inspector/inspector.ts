/**
 * The state of the inspector and what changes it: host messages are folded into `data`, choices of the person into `view`. Templates
 * read from here and call its methods; they hold nothing themselves.
 */
import {
  type HeatMap,
  type HostMessage,
  type InspectorItem,
  type InspectorState,
  inspectorPanel,
} from "@iad-r1/protocol/webview";
import { parseCell } from "@iad-r1/server/rewards/location";
import { parseTags } from "@iad-r1/server/rewards/tags";
import { Connection } from "../../host/connection";
import { savedView, saveView } from "../../host/vscodeApi";
import type { PredictedCell } from "../../picture/overlays";
import type { PixelReading } from "../../picture/pictureElement";
import { openAhead } from "../../picture/source";
import { Resource } from "../../state/resource";
import type { TokenReader } from "../../components/tokenText";
import { CorrectionForm } from "./correction";
import { defaultView, type InspectorView, restoreView } from "./view";

type Change = Extract<HostMessage<typeof inspectorPanel>, { kind: "change" }>;

export class Inspector {
  data: InspectorState | null = null;
  view: InspectorView = defaultView({ overlayOpacity: 0.5, locationGrid: true, threshold: null, canRun: true });
  fault: string | null = null;
  pixel: PixelReading | null = null;
  /** True while the reference is shown in place of the picture: a key is held, or the blinking is in that phase. */
  blinkOn = false;
  readonly heat: Resource<HeatMap>;
  readonly correction: CorrectionForm;
  readonly connection: Connection<typeof inspectorPanel>;
  /** While the slider is moved: the host hears of it when it is let go. */
  private movedThreshold: number | null = null;
  /** The token that is looked at, by slot. */
  private readonly tokens = new Map<number, number>();
  /** What a screen reader is told next. */
  announcement = "";

  constructor(
    private readonly render: () => void,
    onCommand: (name: string) => void,
  ) {
    this.heat = new Resource(render);
    this.correction = new CorrectionForm((correction) => this.connection.ask("sample/save", correction), render);
    this.connection = new Connection(inspectorPanel, {
      onSnapshot: (state) => this.takeSnapshot(state),
      onChange: (change) => this.fold(change),
      onCommand,
      onFault: (reason) => {
        this.fault = reason;
        render();
      },
    });
  }

  update(change: Partial<InspectorView>): void {
    this.view = { ...this.view, ...change };
    const { viewport: _, ...kept } = this.view;
    // Zooming and moving are not kept; they come at every frame.
    if (Object.keys(change).some((key) => key !== "viewport")) saveView(kept);
    this.render();
  }

  /** Draws again after something outside the view changed. */
  refresh(): void {
    this.render();
  }

  /** Items that the filters let through, in their order. */
  get shownItems(): InspectorItem[] {
    return this.data === null ? [] : this.data.items.filter((item) => this.matches(item));
  }

  matches(item: InspectorItem, ignore?: "filter" | "category" | "defectType"): boolean {
    const { filter, category, defectType } = this.view;
    return (
      (ignore === "filter" || filter === "all" || item.outcome === filter) &&
      (ignore === "category" || category === "" || item.category === category) &&
      (ignore === "defectType" || defectType === "" || item.defectType === defectType)
    );
  }

  select(id: string): void {
    if (this.data?.image?.id !== id) this.connection.tell("item/select", { id });
  }

  /** To the next (1) or previous (-1) picture that the filters let through; with `defects` only anomalous or flagged ones. */
  go(by: 1 | -1, defects = false): void {
    const items = this.shownItems;
    const at = items.findIndex(({ id }) => id === this.data?.image?.id);
    // Outside the filter the search begins at the border.
    let next = at < 0 ? (by > 0 ? 0 : items.length - 1) : at + by;
    while (defects && items[next] !== undefined && !isDefect(items[next]!)) next += by;
    const item = items[next];
    if (item !== undefined) this.select(item.id);
  }

  /** Which token of an answer is looked at. */
  tokenReader(slot: number): TokenReader {
    return {
      at: this.tokens.get(slot) ?? null,
      choose: (index) => {
        if (index === (this.tokens.get(slot) ?? null)) return;
        if (index === null) this.tokens.delete(slot);
        else this.tokens.set(slot, index);
        this.render();
      },
    };
  }

  get threshold(): number | null {
    return this.movedThreshold ?? this.data?.settings.threshold ?? null;
  }

  moveThreshold(value: number): void {
    this.movedThreshold = value;
    this.render();
  }

  setThreshold(value: number | null): void {
    this.movedThreshold = null;
    if (this.data !== null) this.data.settings = { ...this.data.settings, threshold: value };
    this.connection.tell("threshold/set", { value });
    this.render();
  }

  /** The cells that the answers name, also while they are being written. */
  get predicted(): PredictedCell[] {
    const { data } = this;
    if (data === null) return [];
    return data.looks.flatMap(({ text, model }, slot) => {
      const { location } = parseTags(text);
      const cell = location === null ? null : parseCell(location);
      const label =
        data.looks.length > 1 ? (data.models.find(({ id }) => id === model)?.label ?? "") : (location ?? "");
      return cell === null ? [] : [{ cell, slot, text: label }];
    });
  }

  start(slot: number): void {
    if (this.data?.settings.canRun === true && this.data.image !== null) this.connection.tell("look/start", { slot });
  }

  stop(): void {
    this.data?.looks.forEach(({ phase }, slot) => {
      if (phase === "loading" || phase === "reading" || phase === "writing")
        this.connection.tell("look/stop", { slot });
    });
  }

  toggleHeat(): void {
    const heat = !this.view.heat;
    this.update({ heat });
    if (heat && this.heat.state.phase !== "ready") this.loadHeat();
  }

  loadHeat(): void {
    const image = this.data?.image;
    if (image === null || image === undefined || this.data?.looks[0]?.result == null) return;
    this.heat.load(() => this.connection.ask("heat/get", { slot: 0, image: image.id }));
  }

  private takeSnapshot(state: InspectorState): void {
    const isFirst = this.data === null;
    const isSame = this.data?.image?.id === state.image?.id;
    this.data = state;
    this.fault = null;
    if (isFirst) this.view = restoreView(state.settings, savedView());
    if (!isSame) this.imageChanged();
    this.render();
  }

  private fold(change: Change): void {
    const { data } = this;
    if (data === null) return;
    switch (change.type) {
      case "settings/changed":
        data.settings = change.body;
        break;
      case "models/changed":
        data.models = change.body;
        break;
      case "items/replaced":
        data.items = change.body;
        break;
      case "items/changed": {
        const changed = new Map(change.body.map((item) => [item.id, item]));
        data.items = data.items.map((item) => changed.get(item.id) ?? item);
        break;
      }
      case "image/shown":
        data.image = change.body.image;
        data.looks = change.body.looks;
        this.imageChanged();
        break;
      case "looks/replaced":
        data.looks = change.body;
        this.heat.reset();
        this.tokens.clear();
        break;
      case "look/changed": {
        const { slot, ...values } = change.body;
        const look = data.looks[slot];
        if (look === undefined) break;
        Object.assign(look, values);
        if (slot === 0 && values.phase === "finished" && this.view.heat) this.loadHeat();
        break;
      }
      case "look/text": {
        const { slot, at, text, choices, ...values } = change.body;
        const look = data.looks[slot];
        if (look === undefined) break;
        Object.assign(look, values, { text: look.text.slice(0, at) + text, choices: [...look.choices, ...choices] });
        break;
      }
    }
    this.render();
  }

  private imageChanged(): void {
    const { data } = this;
    this.heat.reset();
    this.tokens.clear();
    this.correction.close();
    this.pixel = null;
    const image = data?.image ?? null;
    if (data === null || image === null) return;
    this.announcement = image.name;
    const items = this.shownItems;
    const next = items[items.findIndex(({ id }) => id === image.id) + 1];
    // First the picture itself; who goes on at once wants no more of it.
    setTimeout(() => {
      if (this.data?.image?.id !== image.id) return;
      // What comes after it is only probable.
      if (next?.uri != null) openAhead(next.uri);
      if (this.view.heat && this.heat.state.phase === "idle") this.loadHeat();
    }, 400);
  }
}

function isDefect(item: InspectorItem): boolean {
  return item.label === "anomalous" || (item.label === null && item.answer === "yes");
}
