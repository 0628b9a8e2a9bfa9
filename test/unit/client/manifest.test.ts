import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  commands,
  dashboardViewType,
  experimentFiles,
  explorerViewType,
  keys,
  menus,
  settings,
  steps,
  walkthroughId,
  welcomes,
} from "@iad-r1/client/contributions";
import { buildManifest } from "@iad-r1/client/manifest";
import { dashboardPanel, explorerPanel, inspectorPanel } from "@iad-r1/protocol/webview";
import { isConfigPath } from "@iad-r1/server/config/configPath";
import { describe, expect, test } from "vitest";

const client = fileURLToPath(new URL("../../../client/", import.meta.url));
const read = (name: string) => JSON.parse(readFileSync(join(client, name), "utf8")) as Record<string, unknown>;

/** Texts of `t("…")` in the file of messages. */
function sentences(): string[] {
  const source = readFileSync(join(client, "src/messages.ts"), "utf8");
  return [...source.matchAll(/\bt\(\s*("(?:[^"\\]|\\.)*")/g)].map(([, literal]) => JSON.parse(literal!) as string);
}

const placeholders = (text: string) => [...text.matchAll(/\{\d\}/g)].map(([name]) => name).sort();

describe("manifest of the extension", () => {
  const { fields, english, chinese } = buildManifest();

  test("is what the generator makes from contributions.ts (run: node scripts/generateManifest.mjs)", () => {
    expect(read("package.json")).toMatchObject(fields);
    expect(read("package.nls.json")).toEqual(english);
    expect(read("package.nls.zh-cn.json")).toEqual(chinese);
  });

  test("has a Chinese text for every English one, with the same links", () => {
    expect(Object.keys(chinese)).toEqual(Object.keys(english));
    for (const [key, text] of Object.entries(english)) {
      expect(chinese[key]).not.toBe("");
      const links = (value: string) => [...value.matchAll(/\(command:[\w.]+\)/g)].map(([link]) => link).sort();
      expect(links(chinese[key]!), key).toEqual(links(text));
    }
  });

  test("says that there is no experiment, run or data only when somebody has looked", () => {
    const claims = welcomes.filter(({ contents }) => /^(There is no|No |The experiment names no)/.test(contents.en));
    expect(claims.map(({ when }) => /iadr1\.(noProject|noRewards|noData|runState == none)$/.exec(when)?.[1])).toEqual([
      "noProject",
      "runState == none",
      "noRewards",
      "noData",
    ]);
  });

  test("names only commands, pictures and folders that exist", () => {
    const known = Object.keys(commands).map((name) => `iadr1.${name}`);
    for (const items of Object.values(menus)) {
      for (const { command } of items) expect(known).toContain(`iadr1.${command}`);
    }
    for (const { command } of keys) expect(known).toContain(`iadr1.${command}`);
    const links = [...welcomes.map(({ contents }) => contents.en), ...steps.map((step) => step.description.en)]
      .flatMap((text) => [...text.matchAll(/\(command:(iadr1\.\w+)\)/g)])
      .map(([, id]) => id);
    expect(links.length).toBeGreaterThan(10);
    for (const id of links) expect(known).toContain(id);
    for (const { id } of steps) expect(existsSync(join(client, "media/walkthrough", `${id}.svg`)), id).toBe(true);
    expect(existsSync(join(client, "media/icon.png"))).toBe(true);
    expect(walkthroughId).toBe("iadr1.firstSteps");
  });

  test("wakes the extension for every panel that comes back with its window", () => {
    const source = readFileSync(join(client, "src/extension.ts"), "utf8");
    const restored = [...source.matchAll(/registerWebviewPanelSerializer\((\w+)/g)].map(([, name]) => name!);
    expect(restored).toEqual(["dashboardViewType", "explorerViewType"]);
    const { activationEvents } = fields as { activationEvents: string[] };
    expect(activationEvents.filter((event) => event.startsWith("onWebviewPanel:"))).toEqual(
      [dashboardViewType, explorerViewType].map((viewType) => `onWebviewPanel:${viewType}`),
    );
  });

  test("has no key for a command that needs the row of the Explorer: VS Code gives a key's command none", () => {
    for (const { when } of keys) expect(when).not.toContain("filesExplorerFocus");
  });

  test("has a command for all that the pages can be told to do", () => {
    const table = readFileSync(join(client, "src/commands/table.ts"), "utf8");
    const told = (panel: string) =>
      [...table.matchAll(new RegExp(`${panel}\\("(\\w+)"\\)`, "g"))].map(([, name]) => name!);
    expect(told("inInspector").sort()).toEqual([...inspectorPanel.commands].sort());
    expect(told("inDashboard").sort()).toEqual([...dashboardPanel.commands].sort());
    expect(told("inExplorer").sort()).toEqual([...explorerPanel.commands].sort());
  });

  test.each([
    "iadr1.yaml",
    "iadr1.yml",
    "iadr1.json",
    "line-2.iadr1.yaml",
    "iadr1.cable.yaml",
    "iadr1-old.yaml",
    "my.yaml",
  ])("takes %s for an experiment where the server does", (name) => {
    const { "editor/title": title } = menus;
    const button = /=~ \/(.*)\/$/.exec(title.find(({ command }) => command === "runBothStages")!.when)![1]!;
    const glob = experimentFiles
      .replace("**/", "")
      .replaceAll(".", "\\.")
      .replaceAll("*", ".+")
      .replaceAll(/\{(.*?)\}/g, (_, list: string) => `(${list.replaceAll(",", "|")})`);
    expect(new RegExp(`^${glob}$`).test(name), "glob").toBe(isConfigPath(name));
    expect(new RegExp(button).test(name), "button").toBe(isConfigPath(name));
  });

  test("brings every page that its pages lead to", async () => {
    const list = new URL("../../../scripts/packaging/pages.mjs", import.meta.url).href;
    const { shippedPages } = (await import(list)) as { shippedPages: string[] };
    const docs = fileURLToPath(new URL("../../../docs/", import.meta.url));
    const links = shippedPages.flatMap((page) =>
      [...readFileSync(join(docs, page), "utf8").matchAll(/\]\(([\w./-]+)(?:#[\w-]+)?\)/g)].map(([, path]) => path!),
    );
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((path) => !shippedPages.includes(path))).toEqual([]);
  });

  test("lets no workspace set what starts a program or where a token is sent", () => {
    for (const [name, setting] of Object.entries(settings)) {
      if (/^server\.(command|env|extraArgs|address)$/.test(name)) expect(setting.scope, name).toBe("machine");
    }
    const { untrustedWorkspaces } = fields.capabilities as { untrustedWorkspaces: Record<string, unknown> };
    expect(untrustedWorkspaces).toMatchObject({
      supported: "limited",
      restrictedConfigurations: ["iadr1.server.command", "iadr1.server.extraArgs", "iadr1.server.env"],
    });
  });

  test("offers the words that a severity can be, for ids of findings alone", () => {
    const { configuration } = fields.contributes as {
      configuration: { properties: Record<string, Record<string, unknown>> };
    };
    const { patternProperties, additionalProperties } = configuration.properties["iadr1.rewards.findings"]!;
    expect(patternProperties).toEqual({ "^RW1\\d\\d$": { type: "string", enum: ["off", "info", "warning", "error"] } });
    expect(additionalProperties).toBe(false);
  });

  test("uses theme colours only in the pictures of the walkthrough", () => {
    for (const name of readdirSync(join(client, "media/walkthrough"))) {
      const svg = readFileSync(join(client, "media/walkthrough", name), "utf8");
      expect(svg.match(/(fill|stroke)="(?!none|var\(--vscode-)[^"]*"/g), name).toBeNull();
    }
  });
});

describe("messages of the extension", () => {
  const translated = read("l10n/bundle.l10n.zh-cn.json") as Record<string, string>;

  test("have a Simplified Chinese text each, and no text is left over", () => {
    expect([...new Set(sentences())].sort()).toEqual(Object.keys(translated).sort());
  });

  test("are the only sentences that people are told: none stands elsewhere", () => {
    const sources = readdirSync(join(client, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    );
    const told = sources.flatMap((name) => {
      const text = readFileSync(join(client, "src", name), "utf8");
      return [...text.matchAll(/new (?:UserError|NoServerError)\(\s*["`]|show\w+Message\(\s*["`]/g)].map(() => name);
    });
    expect(told).toEqual([]);
  });

  test("keep their placeholders", () => {
    for (const [english, chinese] of Object.entries(translated)) {
      expect(placeholders(chinese), english).toEqual(placeholders(english));
    }
  });
});
