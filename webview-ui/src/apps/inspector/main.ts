/** `<iad-inspector>`: puts the parts of the inspector together and gives its keys a meaning. State is in inspector.ts. */
import "../../picture/pictureElement";
import { html, nothing, type TemplateResult } from "lit";
import { faultPanel, icon } from "../../components/basics";
import { FrameElement } from "../../components/frameElement";
import { t } from "../../host/l10n";
import type { inspectorPanel } from "@iad-r1/protocol/webview";
import { correctionForm } from "./correction";
import { Inspector } from "./inspector";
import { lookPanel } from "./lookPanel";
import { PictureArea } from "./pictureArea";
import { strip } from "./strip";
import { thresholdBar } from "./thresholdBar";

/** The blinking is slow enough to be safe for everyone: less than one change a second. */
const blinkMs = 1100;

class InspectorElement extends FrameElement {
  private app!: Inspector;
  private picture!: PictureArea;
  private blink = 0;
  private imageId: string | null = null;

  connectedCallback(): void {
    this.app = new Inspector(
      () => this.schedule(),
      (name) => this.command(name),
    );
    this.picture = new PictureArea(this.app);
    document.addEventListener("keydown", this.onKey);
    document.addEventListener("keyup", this.onKeyUp);
    this.addEventListener("dragover", (event) => event.preventDefault());
    this.addEventListener("drop", (event) => this.onDrop(event));
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.blink = window.setInterval(() => {
      // Who wants less motion holds the key instead.
      const isCalm = calm.matches || document.body.classList.contains("vscode-reduce-motion");
      if (this.app.view.reference !== "blink" || isCalm) return;
      this.app.blinkOn = !this.app.blinkOn;
      this.schedule();
    }, blinkMs);
    this.schedule();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("keyup", this.onKeyUp);
    window.clearInterval(this.blink);
  }

  protected template(): TemplateResult {
    const { app } = this;
    if (app.fault !== null) return faultPanel(app.fault);
    const { data } = app;
    if (data === null) {
      return html`<main class="panel"><h1 class="visually-hidden">${t("inspector.title")}</h1><p class="empty">${icon("eye")}${t("loading")}</p></main>`;
    }
    if (this.imageId !== (data.image?.id ?? null)) {
      this.imageId = data.image?.id ?? null;
      this.picture.imageChanged();
    }
    const close = () => {
      app.correction.close();
      this.schedule();
      this.querySelector<HTMLElement>("iad-picture")?.focus();
    };
    return html`<main class="inspector">
      <h1 class="visually-hidden">${data.image === null ? t("inspector.title") : `${t("inspector.title")}: ${data.image.name}`}</h1>
      <div class="visually-hidden" role="status">${app.announcement}</div>
      ${this.picture.template()}
      <div class="looks">
        ${data.looks.map((_, slot) => lookPanel(app, slot))}
        ${thresholdBar(app)}
        ${correctionForm(app.correction, data.items, close)}
      </div>
      ${strip(app) ?? nothing}
    </main>`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    const isWriting = target.matches("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || this.app.data === null) return;
    const name = keys[event.key];
    if (name === undefined || (isWriting && event.key !== "Escape")) return;
    if (event.repeat && !repeatable.has(name)) return;
    this.command(name);
    event.preventDefault();
  };

  private readonly onKeyUp = (event: KeyboardEvent): void => {
    if (event.key !== "b" || !this.app.blinkOn) return;
    this.app.blinkOn = false;
    this.schedule();
  };

  private command(name: string): void {
    const { app, picture } = this;
    const { view, data } = app;
    if (data === null) return;
    const actions: Record<string, () => void> = {
      zoomIn: () => picture.zoomIn(),
      zoomOut: () => picture.zoomOut(),
      zoomFit: () => picture.fit(),
      zoomActual: () => picture.actualSize(),
      panLeft: () => picture.pan(-1, 0),
      panRight: () => picture.pan(1, 0),
      panUp: () => picture.pan(0, -1),
      panDown: () => picture.pan(0, 1),
      next: () => app.go(1),
      previous: () => app.go(-1),
      nextDefect: () => app.go(1, true),
      toggleTruth: () => data.image?.truth != null && app.update({ truth: !view.truth }),
      toggleHeatMap: () => data.looks[0]?.result != null && app.toggleHeat(),
      toggleGrid: () => app.update({ grid: !view.grid }),
      toggleReference: () => this.nextReferenceMode(),
      holdReference: () => {
        if ((data.image?.references.length ?? 0) === 0) return;
        if (view.reference !== "blink") app.update({ reference: "blink" });
        app.blinkOn = true;
        this.schedule();
      },
      goToDefect: () => picture.goToDefect(),
      moreOpacity: () => picture.changeOpacity(0.1),
      lessOpacity: () => picture.changeOpacity(-0.1),
      start: () => app.start(0),
      stop: () => app.stop(),
      compare: () => data.looks.length === 1 && app.connection.tell("model/pick", { slot: 1 }),
      toggleDifferences: () => data.looks.length === 2 && app.update({ differences: !view.differences }),
      toggleProbabilities: () => app.update({ probabilities: !view.probabilities }),
      correct: () => this.correct(),
      copyReasoning: () => app.connection.tell("text/copy", { text: data.looks[0]?.text ?? "" }),
      exportImage: () => picture.exportImage(),
    };
    actions[name]?.();
  }

  private nextReferenceMode(): void {
    const { app } = this;
    if ((app.data?.image?.references.length ?? 0) === 0) return;
    const modes = ["off", "beside", "blink", "difference"] as const;
    app.update({ reference: modes[(modes.indexOf(app.view.reference) + 1) % modes.length]! });
  }

  private correct(): void {
    const { data, correction } = this.app;
    if (data?.image == null) return;
    correction.open(data.image.id, data.looks[0]?.text ?? "", data.image.truth);
    requestAnimationFrame(() =>
      requestAnimationFrame(() => this.querySelector<HTMLElement>(".correction input")?.focus()),
    );
  }

  private onDrop(event: DragEvent): void {
    const list = event.dataTransfer?.getData("text/uri-list") ?? "";
    const uris = list.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#"));
    if (uris.length === 0) return;
    event.preventDefault();
    this.app.connection.tell("files/open", { uris });
  }
}

/** Each is a command of VS Code too, but for the one that is held down. */
const keys: Readonly<Record<string, (typeof inspectorPanel)["commands"][number] | "compare" | "holdReference">> = {
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  "0": "zoomFit",
  "1": "zoomActual",
  ArrowLeft: "panLeft",
  ArrowRight: "panRight",
  ArrowUp: "panUp",
  ArrowDown: "panDown",
  j: "next",
  k: "previous",
  n: "nextDefect",
  t: "toggleTruth",
  h: "toggleHeatMap",
  l: "toggleGrid",
  r: "toggleReference",
  b: "holdReference",
  g: "goToDefect",
  "]": "moreOpacity",
  "[": "lessOpacity",
  s: "start",
  Escape: "stop",
  x: "compare",
  d: "toggleDifferences",
  p: "toggleProbabilities",
  c: "correct",
};

const repeatable = new Set([
  "zoomIn",
  "zoomOut",
  "panLeft",
  "panRight",
  "panUp",
  "panDown",
  "next",
  "previous",
  "moreOpacity",
  "lessOpacity",
]);

customElements.define("iad-inspector", InspectorElement);
