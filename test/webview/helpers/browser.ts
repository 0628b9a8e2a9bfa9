/**
 * A page of plain Chromium that shows a panel as VS Code does: the same HTML and content policy, the theme as CSS variables and body
 * classes, and `acquireVsCodeApi` from a fake host that lives in the test. No workbench, no server, no network.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { webviewPage } from "@iad-r1/protocol/webviewPage";
import { expect } from "vitest";
import { type Theme, themes } from "./themes";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const outside = createRequire(join(root, "test/e2e/package.json"));
const origin = "http://webview.test";

/** What these tests use of Playwright, which lives in a folder of its own and has no types here. */
export interface Page {
  goto(url: string): Promise<unknown>;
  setDefaultTimeout(ms: number): void;
  evaluate<R, A>(run: (argument: A) => R | Promise<R>, argument: A): Promise<R>;
  evaluate<R>(run: (() => R | Promise<R>) | string): Promise<R>;
  waitForFunction<A>(
    run: (argument: A) => unknown,
    argument?: A,
    options?: { timeout: number; polling?: number },
  ): Promise<unknown>;
  locator(selector: string, options?: { hasText?: string | RegExp }): Locator;
  getByText(text: string): Locator;
  getByRole(role: string, options?: { name?: string | RegExp; exact?: boolean; pressed?: boolean }): Locator;
  screenshot(options: { path: string }): Promise<unknown>;
  addInitScript<A>(run: (argument: A) => void, argument: A): Promise<void>;
  exposeBinding(name: string, run: (source: unknown, value: unknown) => void): Promise<void>;
  route(pattern: string, handle: (route: Route) => void): Promise<void>;
  on(
    event: "console" | "pageerror",
    listen: (value: { text?(): string; message?: string; type?(): string }) => void,
  ): void;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  keyboard: {
    press(key: string): Promise<void>;
    type(text: string): Promise<void>;
    down(key: string): Promise<void>;
    up(key: string): Promise<void>;
  };
  mouse: {
    move(x: number, y: number, options?: { steps: number }): Promise<void>;
    down(): Promise<void>;
    up(): Promise<void>;
    wheel(x: number, y: number): Promise<void>;
    click(x: number, y: number): Promise<void>;
    dblclick(x: number, y: number): Promise<void>;
  };
  /** Chromium's own protocol. */
  context(): { newCDPSession(page: Page): Promise<{ send(method: string, parameters?: object): Promise<unknown> }> };
  close(): Promise<void>;
}

export interface Locator {
  click(): Promise<void>;
  fill(text: string): Promise<void>;
  focus(): Promise<void>;
  hover(): Promise<void>;
  press(key: string): Promise<void>;
  selectOption(value: string): Promise<unknown>;
  waitFor(options?: { state?: "attached" | "visible" | "hidden" | "detached"; timeout?: number }): Promise<void>;
  count(): Promise<number>;
  first(): Locator;
  nth(index: number): Locator;
  locator(selector: string, options?: { hasText?: string | RegExp }): Locator;
  textContent(): Promise<string | null>;
  innerText(): Promise<string>;
  getAttribute(name: string): Promise<string | null>;
  isVisible(): Promise<boolean>;
  isDisabled(): Promise<boolean>;
  boundingBox(): Promise<{ x: number; y: number; width: number; height: number } | null>;
  evaluate<R>(run: (element: HTMLElement) => R): Promise<R>;
  evaluate<R, A>(run: (element: HTMLElement, argument: A) => R | Promise<R>, argument: A): Promise<R>;
  evaluateAll<R>(run: (elements: HTMLElement[]) => R): Promise<R>;
  filter(options: { hasText: string | RegExp }): Locator;
  allInnerTexts(): Promise<string[]>;
  inputValue(): Promise<string>;
}

interface Route {
  request(): { url(): string };
  fulfill(answer: { status?: number; contentType?: string; body: Buffer | string }): void;
}

interface Browser {
  newPage(options?: {
    viewport: { width: number; height: number };
    reducedMotion?: "reduce" | "no-preference";
  }): Promise<Page>;
  close(): Promise<void>;
}

/**
 * How long a thing may take that is sure to come. Every wait ends when what it waits for is there; this only ends a test that hangs, so
 * it has room for a machine that does many other things.
 */
export const patienceMs = 300_000;

/** Waits until what is read is what is expected; shows both when it never is. */
export async function until<T>(read: () => Promise<T>, expected: T): Promise<void> {
  const limit = Date.now() + patienceMs;
  let last = await read();
  while (JSON.stringify(last) !== JSON.stringify(expected) && Date.now() < limit) {
    await new Promise((done) => setTimeout(done, 20));
    last = await read();
  }
  expect(last).toEqual(expected);
}

/**
 * Processor time of the page's own thread while `act` goes on, in milliseconds: script, layout and painting. A machine that is busy with
 * something else does not count.
 */
export async function busyMs(page: Page, act: () => Promise<unknown>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const seconds = async () => {
    const { metrics } = (await session.send("Performance.getMetrics")) as {
      metrics: { name: string; value: number }[];
    };
    return metrics.find(({ name }) => name === "TaskDuration")!.value;
  };
  const before = await seconds();
  await act();
  return ((await seconds()) - before) * 1000;
}

let running: Promise<Browser> | null = null;

function browser(): Promise<Browser> {
  const { chromium } = outside("playwright-core") as { chromium: { launch(options: object): Promise<Browser> } };
  running ??= chromium.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    timeout: patienceMs,
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-dev-shm-usage",
    ],
  });
  return running;
}

export async function closeBrowser(): Promise<void> {
  if (running !== null) await (await running).close();
  running = null;
}

export interface PanelOptions {
  theme?: Theme;
  locale?: string;
  viewport?: { width: number; height: number };
  reducedMotion?: boolean;
  /** Files that the page may ask for, by path below the origin. */
  files?: Record<string, Buffer>;
  /** What an earlier life of the panel left behind. */
  saved?: unknown;
  receive(message: unknown): void;
}

const types: Record<string, string> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".ttf": "font/ttf",
  ".png": "image/png",
  ".jpg": "image/jpeg",
};

export interface OpenPanel {
  page: Page;
  /** Violations of the content policy and uncaught errors so far. */
  faults: string[];
  /** Addresses that were asked for and not given. */
  refused: string[];
  send(message: unknown): Promise<void>;
  setTheme(theme: Theme): Promise<void>;
}

export async function openPanel(panel: string, options: PanelOptions): Promise<OpenPanel> {
  const page = await (await browser()).newPage({
    viewport: options.viewport ?? { width: 1280, height: 860 },
    reducedMotion: options.reducedMotion === true ? "reduce" : "no-preference",
  });
  page.setDefaultTimeout(patienceMs);
  const faults: string[] = [];
  const refused: string[] = [];
  page.on("pageerror", ({ message }) => faults.push(`error: ${message}`));
  page.on("console", (entry) => {
    if (entry.type?.() === "error") faults.push(`console: ${entry.text?.()}`);
  });
  await page.exposeBinding("hostReceive", (_, value) => options.receive(value));
  await page.exposeBinding("reportFault", (_, value) => faults.push(String(value)));
  await page.addInitScript(
    ({ saved, variables, kind }) => {
      const host = window as unknown as Record<string, unknown> & {
        hostReceive(value: unknown): void;
        reportFault(value: string): void;
      };
      let state = saved;
      let turns = 0;
      /** Typed arrays do not survive the way to the test; only their size is of interest there. */
      const plain = (value: unknown): unknown => {
        if (ArrayBuffer.isView(value)) {
          const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
          let text = "";
          for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
          return { bytes: btoa(text) };
        }
        if (Array.isArray(value)) return value.map(plain);
        if (typeof value === "object" && value !== null) {
          return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
        }
        return value;
      };
      host.acquireVsCodeApi = () => ({
        postMessage: (message: unknown) => host.hostReceive(plain(structuredClone(message))),
        getState: () => state,
        setState: (next: unknown) => {
          state = structuredClone(next);
          host.savedState = state;
        },
      });
      /** `{doubles: base64}` becomes a Float64Array again. */
      const revive = (value: unknown): unknown => {
        if (Array.isArray(value)) return value.map(revive);
        if (typeof value !== "object" || value === null) return value;
        if ("doubles" in value) {
          const text = atob(value.doubles as string);
          const bytes = Uint8Array.from(text, (sign) => sign.charCodeAt(0));
          return new Float64Array(bytes.buffer);
        }
        if ("octets" in value) return Uint8Array.from(atob(value.octets as string), (sign) => sign.charCodeAt(0));
        if ("made" in value) return made(value.made as { count: number; seed: number | null });
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
      };
      /** Long arrays are made in the page: the way there would take longer than the test. See `Made`. */
      const made = ({ count, seed }: { count: number; seed: number | null }) => {
        if (seed === null) return Float64Array.from({ length: count }, (_, i) => i + 1);
        let random = seed;
        return Float64Array.from({ length: count }, (_, i) => {
          random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
          return Math.sin(i / 90_000) + random / 2 ** 32;
        });
      };
      // Done when the page has taken the message: otherwise a key that is pressed next could overtake it.
      host.hostSend = (message: unknown) =>
        new Promise<void>((resolve) => {
          const revived = revive(message);
          const taken = ({ data }: MessageEvent) => {
            if ((data as { turn?: unknown }).turn !== turn) return;
            window.removeEventListener("message", taken);
            resolve();
          };
          const turn = ++turns;
          window.addEventListener("message", taken);
          window.postMessage(revived, "*");
          window.postMessage({ turn }, "*");
        });
      host.setTheme = (theme: { kind: string; variables: Record<string, string> }) => {
        for (const name of [...document.documentElement.style]) document.documentElement.style.removeProperty(name);
        for (const [name, value] of Object.entries(theme.variables))
          document.documentElement.style.setProperty(name, value);
        document.body.className = theme.kind;
        document.body.dataset.vscodeThemeKind = theme.kind;
      };
      document.addEventListener("securitypolicyviolation", (event) =>
        host.reportFault(`policy: ${event.violatedDirective} ${event.blockedURI}`),
      );
      document.addEventListener("DOMContentLoaded", () =>
        (host.setTheme as (theme: unknown) => void)({ kind, variables }),
      );
    },
    { saved: options.saved, ...themes[options.theme ?? "dark"] },
  );
  const html = webviewPage({
    ...{ panel, title: panel, locale: options.locale ?? "en", cspSource: origin, nonce: "test0nonce" },
    ...{ script: `${origin}/webview/${panel}.js`, style: `${origin}/webview/webview.css` },
  });
  await page.route("**/*", (route) => {
    const url = new URL(route.request().url());
    const file = options.files?.[url.pathname];
    if (url.origin !== origin) {
      refused.push(url.href);
      route.fulfill({ status: 404, body: "" });
    } else if (url.pathname === "/") route.fulfill({ contentType: "text/html", body: html });
    else if (file !== undefined)
      route.fulfill({ contentType: types[extname(url.pathname)] ?? "application/octet-stream", body: file });
    else if (/^\/webview\/[\w.-]+$/.test(url.pathname)) {
      route.fulfill({
        contentType: types[extname(url.pathname)] ?? "text/plain",
        body: readFileSync(join(root, "dist", url.pathname)),
      });
    } else {
      refused.push(url.href);
      route.fulfill({ status: 404, body: "" });
    }
  });
  await page.goto(`${origin}/`);
  return {
    ...{ page, faults, refused },
    send: (message) =>
      page.evaluate(
        (value) => (window as unknown as { hostSend(value: unknown): Promise<void> }).hostSend(value),
        encode(message),
      ),
    setTheme: (theme) =>
      page.evaluate(
        (value) => (window as unknown as { setTheme(value: unknown): void }).setTheme(value),
        themes[theme],
      ),
  };
}

/** Stands for `count` numbers made in the page: 1, 2, 3 … without a seed, else a slow wave with noise. */
export interface Made {
  made: { count: number; seed: number | null };
}

/** Float64Arrays and bytes travel as base64. */
function encode(value: unknown): unknown {
  if (value instanceof Uint8Array) return { octets: Buffer.from(value).toString("base64") };
  if (value instanceof Float64Array) {
    return { doubles: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, encode(inner)]));
}

/** What axe-core finds, one line each; empty when the page is clean. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const { source } = outside("axe-core") as { source: string };
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run(
          context: unknown,
          options: object,
        ): Promise<{ violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    );
  });
}
