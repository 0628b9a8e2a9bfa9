/** The picture with its tool bar: zoom, overlays, tone, reference. The tone is an SVG filter, so that no pixel is touched by script. */
import { LOCATIONS } from "@iad-r1/protocol/locations";
import { html, nothing, svg, type TemplateResult } from "lit";
import { ref } from "lit/directives/ref.js";
import { announce } from "../../components/announce";
import { button, icon, select, slider, type Template, toggle } from "../../components/basics";
import { formatBytes, formatNumber, t } from "../../host/l10n";
import type { PictureElement, PictureModel } from "../../picture/pictureElement";
import { fitBox, fitted, zoomAt } from "../../picture/viewport";
import type { StringKey } from "../../strings/en";
import { placeName } from "./correction";
import type { Inspector } from "./inspector";
import type { ReferenceMode } from "./view";

const zoomStep = 1.4;
const referenceModes: readonly ReferenceMode[] = ["off", "beside", "blink", "difference"];

export class PictureArea {
  element: PictureElement | null = null;
  private defectAt = -1;

  constructor(private readonly app: Inspector) {}

  zoom(factor: number): void {
    const size = this.element?.pictureSize ?? null;
    if (this.element === null || size === null) return;
    const view = this.element.viewSize;
    const middle = { x: view.width / 2, y: view.height / 2 };
    this.app.update({ viewport: zoomAt(this.app.view.viewport, factor, middle, size, view) });
  }

  zoomIn(): void {
    this.zoom(zoomStep);
  }

  zoomOut(): void {
    this.zoom(1 / zoomStep);
  }

  fit(): void {
    this.app.update({ viewport: fitted });
  }

  actualSize(): void {
    this.app.update({ viewport: { ...this.app.view.viewport, scale: 1 / window.devicePixelRatio } });
  }

  /** By a share of the view; the value in the middle is read out, so that the keyboard can ask for any pixel. */
  pan(dx: number, dy: number): void {
    const size = this.element?.pictureSize ?? null;
    if (this.element === null || size === null) return;
    const { viewport } = this.app.view;
    const { scale } = this.element;
    const view = this.element.viewSize;
    // Far in, an arrow moves one pixel of the picture.
    const by = scale >= 8 ? scale : Math.min(view.width, view.height) * 0.12;
    const inside = (share: number) => Math.min(1, Math.max(0, share));
    this.app.update({
      viewport: {
        scale,
        centerX: inside(viewport.centerX + (dx * by) / scale / size.width),
        centerY: inside(viewport.centerY + (dy * by) / scale / size.height),
      },
    });
    requestAnimationFrame(() => this.element?.readCenter());
  }

  /** Fits the next true defect, by its box or else its cell; the predicted cell when no truth is known. */
  goToDefect(): void {
    const size = this.element?.pictureSize ?? null;
    if (this.element === null || size === null) return;
    const { boxes, locations } = this.app.data?.image?.truth ?? { boxes: [], locations: [] };
    const known =
      boxes.length > 0
        ? boxes.map(({ box }) => box)
        : locations.map((place) => boxOfCell(LOCATIONS.indexOf(place) + 1, size));
    const targets = known.length > 0 ? known : this.app.predicted.map(({ cell }) => boxOfCell(cell, size));
    if (targets.length === 0) return;
    this.defectAt = (this.defectAt + 1) % targets.length;
    this.app.update({
      viewport: fitBox(targets[this.defectAt]!, size, this.element.viewSize),
      ...(known.length > 0 && { truth: true }),
    });
  }

  goToCell(cell: number): void {
    const size = this.element?.pictureSize ?? null;
    if (this.element !== null && size !== null)
      this.app.update({ viewport: fitBox(boxOfCell(cell, size), size, this.element.viewSize) });
  }

  /** Its slider is in a menu, so a key says where it is now. */
  changeOpacity(by: number): void {
    const opacity = Math.min(1, Math.max(0, Math.round((this.app.view.opacity + by) * 10) / 10));
    this.app.update({ opacity });
    announce(`${t("picture.opacity")}: ${percentOf(opacity)}`);
  }

  imageChanged(): void {
    this.defectAt = -1;
  }

  template(): TemplateResult {
    const { app } = this;
    const { image } = app.data!;
    if (image === null) {
      return html`<section class="picture-area"><p class="empty">${icon("device-camera")}${t("picture.none")}</p></section>`;
    }
    if (image.uri === null) {
      this.element = null;
      return html`<section class="picture-area" aria-label=${t("picture.area")}>
        <div class="pictures"><p class="empty" role="status">${icon(image.problem === null ? "loading" : "error")}${image.problem ?? t("picture.converting")}</p></div>
        ${this.footer()}
      </section>`;
    }
    const { view } = app;
    const reference = image.references[0] ?? null;
    const mode = reference === null ? "off" : view.reference;
    const model: PictureModel = {
      name: image.name,
      uri: image.uri,
      referenceUri: mode === "off" ? null : (reference?.uri ?? null),
      show: app.blinkOn && mode === "blink" ? "reference" : mode === "difference" ? "difference" : "picture",
      viewport: view.viewport,
      onViewport: (viewport) => app.update({ viewport }),
      grid: view.grid,
      predicted: app.predicted,
      truth: view.truth ? image.truth : null,
      heat: view.heat && app.heat.state.phase === "ready" ? app.heat.state.value : null,
      opacity: view.opacity,
      filter: this.filter(),
      onPixel: (pixel) => {
        app.pixel = pixel;
        app.refresh();
      },
      onLayout: () => app.refresh(),
    };
    return html`<section class="picture-area" aria-label=${t("picture.area")}>
      ${this.bar(reference !== null)}
      ${this.filterDefinition()}
      <div class="pictures">
        <iad-picture ${ref((element) => {
          this.element = (element as PictureElement | undefined) ?? null;
          if (this.element !== null) this.element.model = model;
        })}></iad-picture>
        ${
          mode === "beside" && reference !== null
            ? html`<iad-picture ${ref((element) => {
                if (element === undefined) return;
                (element as PictureElement).model = {
                  ...model,
                  ...{ name: reference.name, uri: reference.uri, referenceUri: null, show: "picture" },
                  ...{ predicted: [], truth: null, heat: null },
                };
              })}></iad-picture>`
            : nothing
        }
        ${mode === "blink" ? html`<span class="picture-tag">${app.blinkOn ? t("reference.this") : image.name}</span>` : nothing}
      </div>
      ${this.footer()}
    </section>`;
  }

  private bar(hasReference: boolean): TemplateResult {
    const { app } = this;
    const { view } = app;
    const { image } = app.data!;
    const heat = app.heat.state;
    return html`<div class="toolbar" role="toolbar" aria-label=${t("picture.tools")}>
      <span class="group">
        ${button({ icon: "zoom-out", title: t("picture.zoomOut"), key: "-", run: () => this.zoomOut() })}
        ${button({ icon: "zoom-in", title: t("picture.zoomIn"), key: "+", run: () => this.zoomIn() })}
        ${button({ icon: "screen-full", title: t("picture.fit"), key: "0", run: () => this.fit() })}
        ${button({ text: "1:1", title: t("picture.actual"), key: "1", run: () => this.actualSize() })}
      </span>
      <span class="group">
        ${toggle({ icon: "symbol-numeric", title: t("picture.grid"), key: "l", on: view.grid, run: () => app.update({ grid: !view.grid }) })}
        ${toggle({ icon: "checklist", title: t("picture.truth"), key: "t", on: view.truth, disabled: image?.truth == null, run: () => app.update({ truth: !view.truth }) })}
        ${toggle({ icon: heat.phase === "loading" ? "loading" : "flame", title: t("picture.heat"), key: "h", on: view.heat, disabled: app.data!.looks[0]?.result == null, run: () => app.toggleHeat() })}
        ${button({ icon: "target", title: t("picture.goToDefect"), key: "g", run: () => this.goToDefect() })}
      </span>
      ${
        hasReference
          ? select(
              t("reference.label"),
              view.reference,
              referenceModes.map((value) => ({ value, text: t(`reference.${value}` as StringKey) })),
              (reference) => app.update({ reference }),
            )
          : button({
              icon: "references",
              text: t("reference.choose"),
              run: () => app.connection.tell("reference/pick", {}),
            })
      }
      ${this.toneMenu()}
      <span class="spacer"></span>
      ${button({ icon: "desktop-download", title: t("picture.export"), run: () => this.exportImage() })}
    </div>`;
  }

  private toneMenu(): TemplateResult {
    const { app } = this;
    const { gamma, contrast, falseColor, opacity } = app.view;
    const isPlain = gamma === 1 && contrast === 1 && !falseColor;
    return html`<details class="menu">
      <summary class="icon-button ${isPlain ? "" : "has-own"}" title=${t("tone.label")} aria-label=${t("tone.label")}>${icon("color-mode")}</summary>
      <div class="menu-items chart-options">
        ${slider({ label: t("tone.gamma"), min: 0.2, max: 4, step: 0.05, value: gamma, text: formatNumber(gamma, 3), set: (value) => app.update({ gamma: value }) })}
        ${slider({ label: t("tone.contrast"), min: 0.2, max: 5, step: 0.05, value: contrast, text: formatNumber(contrast, 3), set: (value) => app.update({ contrast: value }) })}
        ${toggle({ text: t("tone.falseColor"), on: falseColor, run: () => app.update({ falseColor: !falseColor }) })}
        ${button({ text: t("tone.reset"), disabled: isPlain, run: () => app.update({ gamma: 1, contrast: 1, falseColor: false }) })}
        ${slider({ label: t("picture.opacity"), min: 0, max: 100, step: 5, value: opacity * 100, text: percentOf(opacity), set: (value) => app.update({ opacity: value / 100 }) })}
      </div>
    </details>`;
  }

  private filter(): string {
    const { gamma, contrast, falseColor } = this.app.view;
    return gamma === 1 && contrast === 1 && !falseColor ? "" : "url(#tone)";
  }

  private filterDefinition(): Template {
    const { gamma, contrast, falseColor } = this.app.view;
    if (this.filter() === "") return nothing;
    const slope = contrast;
    const intercept = 0.5 - contrast / 2;
    const channel = (name: string, values: string) =>
      name === "R"
        ? svg`<feFuncR type="table" tableValues=${values}/>`
        : name === "G"
          ? svg`<feFuncG type="table" tableValues=${values}/>`
          : svg`<feFuncB type="table" tableValues=${values}/>`;
    return html`<svg class="definitions" aria-hidden="true"><filter id="tone" color-interpolation-filters="sRGB">
      <feComponentTransfer>
        <feFuncR type="gamma" exponent=${1 / gamma}></feFuncR><feFuncG type="gamma" exponent=${1 / gamma}></feFuncG><feFuncB type="gamma" exponent=${1 / gamma}></feFuncB>
      </feComponentTransfer>
      <feComponentTransfer>
        <feFuncR type="linear" slope=${slope} intercept=${intercept}></feFuncR><feFuncG type="linear" slope=${slope} intercept=${intercept}></feFuncG><feFuncB type="linear" slope=${slope} intercept=${intercept}></feFuncB>
      </feComponentTransfer>
      ${
        falseColor
          ? svg`<feColorMatrix type="matrix" values="0.299 0.587 0.114 0 0 0.299 0.587 0.114 0 0 0.299 0.587 0.114 0 0 0 0 0 1 0"/>
          <feComponentTransfer>${channel("R", "0 0.1 0.1 0.2 0.9 1 1")}${channel("G", "0 0.1 0.6 0.9 0.9 0.4 0.1")}${channel("B", "0.3 0.9 0.9 0.4 0.1 0 0.1")}</feComponentTransfer>`
          : nothing
      }
    </filter></svg>`;
  }

  private footer(): TemplateResult {
    const { app } = this;
    const { image } = app.data!;
    const size = this.element?.pictureSize ?? null;
    const { pixel } = app;
    const { truth } = image!;
    const heat = app.heat.state;
    return html`<div class="picture-foot muted">
      <span title=${image!.path}>${image!.name}</span>
      ${size === null ? nothing : html`<span>${size.width} × ${size.height}</span><span>${formatBytes(image!.sizeBytes)}</span><span>${formatNumber(this.element!.scale * 100, 3)} %</span>`}
      ${
        pixel === null
          ? nothing
          : html`<span class="pixel"><span>x ${pixel.x}, y ${pixel.y}</span>${pixel.rgba === null ? nothing : html`<span class="swatch" .style=${`background:rgb(${pixel.rgba.slice(0, 3).join(",")})`}></span><span>${pixel.rgba.slice(0, 3).join(" ")}</span>`}</span>`
      }
      <span class="spacer"></span>
      ${
        app.view.truth && truth !== null
          ? html`<span class="truth-text">${t("picture.truthIs", { truth: truth.label === "normal" ? t("label.normal") : [truth.type, ...truth.locations.slice(0, 1).map(placeName)].filter((part) => part !== null).join(" · ") })}</span>`
          : nothing
      }
      ${
        app.view.heat
          ? html`<span role="status">${heat.phase === "loading" ? t("heat.loading") : heat.phase === "failed" ? t("heat.failed", { reason: heat.message }) : heat.phase === "ready" ? t("heat.method") : t("heat.needAnswer")}</span>`
          : nothing
      }
    </div>`;
  }

  exportImage(): void {
    const { app } = this;
    const name = `${app.data?.image?.name.replace(/\.[^.]+$/, "") ?? "picture"}-inspected.png`;
    void this.element?.toPng().then((data) => app.connection.tell("file/save", { name, mime: "image/png", data }));
  }
}

const percentOf = (share: number) => `${Math.round(share * 100)} %`;

function boxOfCell(
  cell: number,
  { width, height }: { width: number; height: number },
): [number, number, number, number] {
  const column = (cell - 1) % 3;
  const row = Math.floor((cell - 1) / 3);
  return [(column * width) / 3, (row * height) / 3, ((column + 1) * width) / 3, ((row + 1) * height) / 3];
}
