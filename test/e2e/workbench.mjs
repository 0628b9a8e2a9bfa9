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
export const patienceMs = 300_000;

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

  /**
   * Waits until the workbench has written down that an editor is open, and what its page keeps. In a browser it does so every five seconds
   * when it has nothing else to do, and not while it is left; a window that is closed before has forgotten the editor.
   *
   * @param viewType of the webview panel or custom editor
   * @param state    a part of the page's state as JSON; "" for a page that keeps none
   */
  async remembers(viewType, state) {
    const wanted = ["memento/workbench.parts.editor", [viewType, state]];
    const isKept = async () => this.page.evaluate(keptInDatabases, wanted);
    const until = Date.now() + patienceMs;
    while (!(await isKept())) {
      if (Date.now() > until)
        throw new Error(`The workbench has not written down that ${viewType} is open with ${state}.`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Waits until our status item says that the server is ready (or is busy with a run). */
  async ready() {
    await this.status.locator(".codicon-beaker").waitFor();
  }

  get status() {
    return this.page.locator('.statusbar-item[id="iad-r1.iad-r1.iadr1.status"]');
  }

  /**
   * Tries until it works, with more time each time, so that a slow machine gets there too. What is on its way in the workbench can close
   * a list or a field that a test has opened (a page that takes the focus, most of all); what is half open is closed in between.
   *
   * @param attempt gets the milliseconds that it may wait for one thing
   */
  async insist(what, attempt) {
    const until = Date.now() + patienceMs;
    for (let wait = 10_000; ; wait = Math.min(wait * 2, 120_000)) {
      try {
        return await attempt(wait);
      } catch (error) {
        if (error.name !== "TimeoutError" || Date.now() > until)
          throw new Error(`${what}: ${error.message}`, { cause: error });
      }
      await this.page.keyboard.press("Escape");
    }
  }

  /** Fills the palette. Its list is made when it opens, so one that opened too early has to be opened again. */
  async palette(text, timeout) {
    await this.page.keyboard.press("F1");
    await this.input.fill(text, { timeout });
  }

  /** Runs a command from the palette. */
  async command(title) {
    await this.insist(`The palette does not run “${title}”`, async (timeout) => {
      await this.palette(`>${title}`, timeout);
      await this.rows.filter({ hasText: title }).first().click({ timeout });
    });
  }

  /** Runs a command that asks, and chooses the answer: lists of VS Code itself go when something else takes the focus. */
  async choose(title, answer) {
    await this.insist(`“${title}” does not offer “${answer}”`, async (timeout) => {
      await this.palette(`>${title}`, timeout);
      await this.rows.filter({ hasText: title }).first().click({ timeout });
      await this.rows.filter({ hasText: answer }).first().click({ timeout });
    });
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

  /** Answers the input box with this prompt; all boxes and lists share one field, so the field alone says little. */
  async answer(prompt, text) {
    const box = this.page.locator(".quick-input-widget:visible", { hasText: prompt });
    const field = box.locator("input.input");
    await field.fill(text);
    await field.press("Enter");
    await box.waitFor({ state: "hidden" });
  }

  /** Chooses a row of a quick pick. */
  async pick(text) {
    await this.rows.filter({ hasText: text }).first().click();
  }

  /** Answers the dialog that asks for a file. It fills its field when it has looked at the folder, and forgets what was typed before. */
  async saveAs(path) {
    const ok = this.page.locator(".quick-input-widget:visible .quick-input-action", { hasText: "OK" });
    await ok.waitFor();
    const until = Date.now() + patienceMs;
    do {
      await this.input.fill(path);
      await this.page.waitForTimeout(500);
      if ((await this.input.inputValue()) === path) await this.input.press("Enter");
      await ok.waitFor({ state: "hidden", timeout: 5_000 }).catch(() => {});
    } while ((await ok.isVisible()) && Date.now() < until);
  }

  /** @param path name of a file, or its end where several have the same name (a picture and its mask) */
  async openFile(path) {
    const name = path.split("/").at(-1);
    await this.insist(`Quick open does not open ${path}`, async (timeout) => {
      // The palette without its ">" looks for files. In a page of ours Ctrl+P would be the browser's own key.
      await this.palette(path, timeout);
      await this.rows.filter({ hasText: name }).first().click({ timeout });
      await this.tab(name).waitFor({ timeout });
    });
  }

  /** The inspector for a picture. */
  async openInspector(path) {
    await this.openFile(path);
    await this.choose("View: Reopen Editor With...", "IAD-R1 Image Inspector");
    await this.webview().locator(".inspector").waitFor();
  }

  /** Keys go to the text of a file that is open; before the editor has the focus they are lost. */
  async focusEditor(name, timeout = patienceMs) {
    await this.tab(name).click({ timeout });
    await this.page.locator(".editor-instance .monaco-editor.focused").first().waitFor({ timeout });
  }

  /** Sets the cursor, counted from 1. */
  async goTo(line, column) {
    await this.insist(`The cursor does not go to ${line}:${column}`, async (timeout) => {
      await this.palette(`:${line}:${column}`, timeout);
      await this.page.keyboard.press("Enter");
      const place = this.page.locator('.statusbar-item[id="status.editor.selection"]');
      await place.filter({ hasText: `Ln ${line}, Col ${column}` }).waitFor({ timeout });
    });
  }

  /** Takes the quick fix of a problem at a place of a file that is open. */
  async quickFix(file, line, column, title) {
    const row = this.page.locator(".action-widget .monaco-list-row", { hasText: title }).first();
    await this.insist(`There is no quick fix “${title}”`, async (timeout) => {
      await this.focusEditor(file, timeout);
      await this.goTo(line, column);
      await this.page.keyboard.press("Control+.");
      await row.waitFor({ timeout });
      // By keys: a layer over the window takes clicks.
      for (let i = 0; i < 20; i++) {
        if (/\bfocused\b/.test((await row.getAttribute("class", { timeout })) ?? ""))
          return this.page.keyboard.press("Enter");
        await this.page.keyboard.press("ArrowDown");
      }
    });
    await row.waitFor({ state: "hidden" });
  }

  /** Moves the pointer onto a word of a line in the editor until the hover says what is expected. */
  async hover(lineText, word, expected) {
    const line = this.page.locator(".editor-instance .view-line", { hasText: lineText }).first();
    const target = line.locator("span span", { hasText: new RegExp(`^\\s*${word}\\s*$`) }).first();
    const hover = this.page.locator(".monaco-hover:not(.hidden) .monaco-hover-content", { hasText: expected }).first();
    return this.insist(`The hover on ${word} never says ${expected}`, async (timeout) => {
      // A hover asks once: away, and again.
      await this.page.mouse.move(2, 2);
      await target.hover({ timeout });
      await hover.waitFor({ timeout });
      return hover;
    });
  }

  /** The line at which a debugger has stopped. */
  get stoppedLine() {
    return this.page.locator(".debug-top-stack-frame-line, .debug-top-stack-frame-column");
  }

  /** Rows of the problems view. */
  get problems() {
    return this.page.locator(".markers-panel .monaco-list-row");
  }

  /** A line of the terminal that is shown. */
  terminal(text) {
    return this.page.locator(".terminal-wrapper.active .xterm-rows > div", { hasText: text }).first();
  }

  /** Keys go to the terminal that is shown. */
  async focusTerminal() {
    await this.page.locator(".terminal-wrapper.active .xterm-screen").click();
    await this.page.locator(".terminal-wrapper.active .xterm.focus").waitFor();
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

  /** Waits for a message. It goes after some seconds; a test that comes later finds it in the list of those that were shown. */
  async told(text) {
    const message = this.page.locator(".notification-list-item:visible", { hasText: text }).first();
    let isLate = false;
    await this.insist(`There is no message “${text}”`, async (timeout) => {
      if (isLate) await this.command("Notifications: Show Notifications");
      isLate = true;
      await message.waitFor({ timeout });
    });
    return message;
  }

  /** Takes what a message offers. */
  async accept(text, action) {
    await this.insist(`The message “${text}” does not offer “${action}”`, async (timeout) => {
      await (await this.told(text)).getByRole("button", { name: action }).click({ timeout });
    });
  }

  /** The page inside the n-th webview that is shown; those of hidden tabs do not count. */
  webview(index = 0) {
    return this.page.frameLocator("iframe.webview.ready:visible").nth(index).frameLocator("iframe#active-frame");
  }

  /** What stands in the window, for the log of a test that failed. */
  async described() {
    const texts = (selector) => this.page.locator(selector).evaluateAll((all) => all.map((each) => each.innerText));
    const pages = this.page.frames().filter((frame) => frame.url().includes("fake.html"));
    const shown = await Promise.all(pages.map((frame) => frame.locator("body").innerText({ timeout: 5000 })));
    return [
      `tabs: ${(await texts(".tabs-container .tab")).join(" | ")}`,
      `status: ${(await texts(".statusbar-item:visible")).filter(Boolean).join(" | ")}`,
      `messages: ${(await texts(".notification-list-item:visible")).join(" | ")}`,
      ...shown.map((text, i) => `page ${i + 1}: ${text.replaceAll(/\s+/g, " ").slice(0, 500)}`),
    ].join("\n");
  }

  async picture(name) {
    mkdirSync(pictures, { recursive: true });
    // Hovers fade in; a picture of one half-way can be read by nobody.
    await this.page.evaluate(() => {
      const ends = document.getAnimations().filter(({ effect, playState }) => {
        return playState === "running" && effect?.getComputedTiming().iterations !== Infinity;
      });
      return Promise.allSettled(ends.map(({ finished }) => finished)).then(() => undefined);
    });
    await this.page.screenshot({ path: join(pictures, `${name}.png`) });
  }
}

/** Runs in the page: whether one of the workbench's databases holds texts under a key. It is JSON in JSON, several times over. */
async function keptInDatabases([key, texts]) {
  const answered = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  for (const { name } of await indexedDB.databases()) {
    const database = await answered(indexedDB.open(name));
    try {
      for (const store of database.objectStoreNames) {
        const value = await answered(database.transaction(store, "readonly").objectStore(store).get(key));
        const plain = typeof value === "string" ? value.replaceAll("\\", "") : "";
        if (texts.every((text) => plain.includes(text)) && plain !== "") return true;
      }
    } finally {
      database.close();
    }
  }
  return false;
}
