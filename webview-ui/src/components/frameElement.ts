/** What the elements of all panels share: they draw their template once a frame at most, however often something changes. */
import { render, type TemplateResult } from "lit";

export abstract class FrameElement extends HTMLElement {
  private frame = 0;

  protected abstract template(): TemplateResult;

  /** Draws with the next frame. */
  protected schedule(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  /** Draws at once, for what the next key that is pressed must find. */
  protected draw(): void {
    render(this.template(), this);
  }

  disconnectedCallback(): void {
    cancelAnimationFrame(this.frame);
  }
}
