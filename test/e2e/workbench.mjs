/** Finds things in the workbench. Its class names are no interface of VS Code: they stand here and nowhere else. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

/** Where a test leaves its pictures. */
export const pictures = process.env.E2E_PICTURES ?? join(root, ".cache", "e2e", "pictures");

/**
 * How long a thing may take that is sure to come. Every wait ends when what it waits for is there; this only ends a test that hangs, so
 * it has room for a machine that does many other things.
 */
export const patienceMs = 900_000;

export class Workbench {
  /** Addresses outside this machine that the window asked for. */
  outside = new Set();
  /** Errors that the page or our pages reported. */
  errors = [];

  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(patienceMs);
    page.on("request", (request) => {
      const url = new URL(request.url());
      const isLocal = url.hostname === "127.0.0.1" || url.hostname.endsWith(".vscode-resource.vscode-cdn.net");
      if (/^(https?|wss?):$/.test(url.protocol) && !isLocal) this.outside.add(url.origin);
    });
    page.on("console", (message) => {
      const text = message.text();
      if (/Content Security Policy/.test(text)) this.errors.push(text);
    });
  }

  /** Opens a folder of the server's machine in the window. */
  async open(base, folder) {
    await this.page.goto(`${base}/?folder=${encodeURIComponent(folder)}`, { waitUntil: "commit" });
    await this.page.locator('.activitybar .action-item a[aria-label^="IAD-R1"]').waitFor();
  }

  /** Waits until our status item says that the server is ready (or is busy with a run). */
  async ready() {
    await this.status.locator(".codicon-beaker").waitFor();
  }

  get status() {
    return this.page.locator('.statusbar-item[id="iad-r1.iad-r1.iadr1.status"]');
  }

  /** Runs a command from the palette. Its list is made when it opens, so one that opened too early is opened again. */
  async command(title) {
    const row = this.rows.filter({ hasText: title }).first();
    // The list says so itself when nothing fits, or shows other commands.
    const settled = this.rows.first();
    const until = Date.now() + patienceMs;
    for (let wait = 5000; ; wait = Math.min(wait * 2, 60_000)) {
      await this.page.keyboard.press("F1");
      await this.input.waitFor();
      await this.input.fill(`>${title}`);
      await settled.waitFor();
      const found = await row.waitFor({ timeout: wait }).then(
        () => true,
        () => false,
      );
      if (found) return row.click();
      await this.page.keyboard.press("Escape");
      await this.input.waitFor({ state: "hidden" });
      if (Date.now() > until) throw new Error(`The palette does not list “${title}”.`);
    }
  }

  /** The field of quick open, quick picks and input boxes. */
  get input() {
    return this.page.locator(".quick-input-widget:visible input.input");
  }

  get rows() {
    return this.page.locator(".quick-input-widget:visible .quick-input-list .monaco-list-row");
  }

  /** Waits for the quick pick with this title; rows seen before may be those of another one. */
  async picker(title) {
    await this.page.locator(".quick-input-titlebar", { hasText: title }).waitFor();
    await this.rows.first().waitFor();
  }

  /** Answers an input box. */
  async answer(text) {
    await this.input.waitFor();
    await this.input.fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Chooses a row of a quick pick. */
  async pick(text) {
    await this.rows.filter({ hasText: text }).first().click();
  }

  /** @param path name of a file, or its end where several have the same name (a picture and its mask) */
  async openFile(path) {
    const name = path.split("/").at(-1);
    // The palette without its ">" looks for files. In a page of ours Ctrl+P would be the browser's own key.
    await this.page.keyboard.press("F1");
    await this.input.waitFor();
    await this.input.fill(path);
    await this.rows.filter({ hasText: name }).first().click();
    await this.tab(name).waitFor();
  }

  /** Moves the pointer onto a word of a line in the editor until the hover says what is expected. */
  async hover(lineText, word, expected) {
    const line = this.page.locator(".editor-instance .view-line", { hasText: lineText }).first();
    const target = line.locator("span span", { hasText: new RegExp(`^\\s*${word}\\s*$`) }).first();
    const until = Date.now() + 180_000;
    for (;;) {
      await target.hover();
      const hover = this.page.locator(".monaco-hover:not(.hidden) .monaco-hover-content", { hasText: expected });
      const found = await hover
        .first()
        .waitFor({ timeout: 8000 })
        .then(
          () => true,
          () => false,
        );
      if (found) return hover.first();
      if (Date.now() > until) throw new Error(`The hover on ${word} never says ${expected}.`);
      // A hover asks once: away, and again.
      await this.page.mouse.move(2, 2);
      await this.page.keyboard.press("Escape");
    }
  }

  /** The line at which a debugger has stopped. */
  get stoppedLine() {
    return this.page.locator(".debug-top-stack-frame-line, .debug-top-stack-frame-column");
  }

  tab(name) {
    return this.page.locator(".tabs-container .tab").filter({ hasText: name });
  }

  async showView() {
    await this.page.locator('.activitybar .action-item a[aria-label^="IAD-R1"]').click();
    await this.page.locator(".sidebar .pane-header").first().waitFor();
  }

  /** Rows of all trees in the side bar. */
  get treeRows() {
    return this.page.locator(".sidebar .monaco-list-row");
  }

  get notifications() {
    return this.page.locator(".notifications-toasts .notification-list-item");
  }

  /** The page inside the n-th webview that is shown; those of hidden tabs do not count. */
  webview(index = 0) {
    return this.page.frameLocator("iframe.webview.ready:visible").nth(index).frameLocator("iframe#active-frame");
  }

  async picture(name) {
    mkdirSync(pictures, { recursive: true });
    // Hovers fade in; a picture of one half-way can be read by nobody.
    await this.page.evaluate(() => {
      const ends = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().iterations !== Infinity);
      return Promise.allSettled(ends.map(({ finished }) => finished)).then(() => undefined);
    });
    await this.page.screenshot({ path: join(pictures, `${name}.png`) });
  }
}
