let region: HTMLElement | null = null;

/** Tells a screen reader what the eye sees when a key has moved something that keeps the focus. */
export function announce(text: string): void {
  if (region === null) {
    region = document.createElement("div");
    region.className = "visually-hidden";
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  region.textContent = text;
}
