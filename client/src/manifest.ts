/**
 * The manifest of the extension and its texts, built from `contributions.ts`. A function over plain data, so that a test can compare
 * it with the files that are checked in.
 */
import * as contributions from "./contributions";
import { type CommandContribution, commandId, commands, type Text } from "./contributions";

export interface Manifest {
  /** Fields of `client/package.json` that are generated. */
  fields: Record<string, unknown>;
  /** `package.nls.json` and `package.nls.zh-cn.json`. */
  english: Record<string, string>;
  chinese: Record<string, string>;
}

/** A place in a file and what is wrong there, as the server writes both. Drive letters have a colon, too. */
export const problemPattern =
  "^(?:.*?: )?((?:[A-Za-z]:)?[^:]+\\.(?:yaml|yml|json|jsonl|csv)):(\\d+):(\\d+):?\\s+(?:(error|warning):\\s+)?(.+)$";

export function buildManifest(): Manifest {
  const english: Record<string, string> = {};
  const chinese: Record<string, string> = {};
  /** Gives a text its key and returns the reference that VS Code replaces. */
  const say = (key: string, { en, zh }: Text): string => {
    english[key] = en;
    chinese[key] = zh;
    return `%${key}%`;
  };

  const fields = {
    displayName: say("displayName", contributions.displayName),
    description: say("description", contributions.description),
    publisher: contributions.publisher,
    engines: { vscode: "^1.100.0" },
    categories: ["Machine Learning", "Visualization", "Data Science"],
    keywords: ["anomaly detection", "industrial inspection", "vision-language model", "GRPO", "onnx"],
    icon: "media/icon.png",
    extensionKind: ["workspace"],
    activationEvents: [
      `workspaceContains:${contributions.experimentFiles}`,
      "workspaceContains:**/*.reward.{ts,js,py}",
      // VS Code generates none for panels: one that a closed window had would stay empty in a folder without an experiment.
      ...contributions.restoredPanels.map((viewType) => `onWebviewPanel:${viewType}`),
    ],
    l10n: "./l10n",
    capabilities: {
      untrustedWorkspaces: {
        supported: "limited",
        description: say("trust", contributions.trustDescription),
        restrictedConfigurations: Object.entries(contributions.settings)
          .filter(([, setting]) => "isRestricted" in setting)
          .map(([name]) => `iadr1.${name}`),
      },
      virtualWorkspaces: { supported: false, description: say("virtual", contributions.virtualDescription) },
    },
    contributes: {
      commands: commandEntries(say),
      menus: menuEntries(),
      keybindings: contributions.keys.map(({ command, ...key }) => ({ command: commandId(command), ...key })),
      viewsContainers: {
        activitybar: [{ id: contributions.containerId, title: "IAD-R1", icon: "media/activityBar.svg" }],
      },
      views: {
        [contributions.containerId]: Object.entries(contributions.viewNames).map(([name, title]) => ({
          id: contributions.viewIds[name as keyof typeof contributions.viewIds],
          name: say(`view.${name}`, title),
          icon: "media/activityBar.svg",
        })),
      },
      viewsWelcome: contributions.welcomes.map(({ view, when, contents }, index) => ({
        ...{ view: contributions.viewIds[view], when, contents: say(`welcome.${index}`, contents) },
      })),
      customEditors: [
        {
          viewType: contributions.imageInspectorViewType,
          displayName: say("editor.imageInspector", { en: "IAD-R1 Image Inspector", zh: "IAD-R1 图像检测" }),
          selector: contributions.imageExtensions.map((extension) => ({ filenamePattern: `*.${extension}` })),
          priority: "option",
        },
        {
          viewType: contributions.runEditorViewType,
          displayName: say("editor.run", { en: "IAD-R1 Run Dashboard", zh: "IAD-R1 训练面板" }),
          // Only there: files of this name are common elsewhere.
          selector: [{ filenamePattern: "**/.iadr1/runs/*/run.json" }],
          priority: "default",
        },
      ],
      configuration: { title: "IAD-R1", properties: settingEntries(say) },
      taskDefinitions: [
        {
          type: contributions.taskType,
          required: ["command"],
          properties: {
            command: {
              ...{ type: "string", enum: contributions.taskCommands },
              description: say("task.command", contributions.taskKeys.command),
            },
            config: { type: "string", description: say("task.config", contributions.taskKeys.config) },
            set: {
              ...{ type: "array", items: { type: "string" } },
              description: say("task.set", contributions.taskKeys.set),
            },
          },
        },
      ],
      languageModelTools: Object.entries(contributions.tools).map(([name, tool]) => ({
        name: contributions.toolId(name as contributions.ToolName),
        ...{ toolReferenceName: tool.reference, canBeReferencedInPrompt: true, icon: `$(${tool.icon})` },
        displayName: say(`tool.${name}`, tool.title),
        userDescription: say(`tool.${name}.description`, tool.description),
        modelDescription: tool.forModels,
        tags: ["iad-r1", "industrial inspection"],
        inputSchema: { type: "object", ...tool.input },
      })),
      // The server checks files that are open and says where; the terminal says it for the others.
      problemMatchers: [
        {
          ...{ name: contributions.problemMatcher, owner: "iad-r1 task", source: "IAD-R1", applyTo: "closedDocuments" },
          ...{ severity: "error", fileLocation: "autoDetect" },
          pattern: {
            regexp: problemPattern,
            ...{ file: 1, line: 2, column: 3, severity: 4, message: 5 },
          },
        },
      ],
      walkthroughs: [
        {
          id: contributions.walkthroughId,
          title: say("walkthrough.title", contributions.walkthrough.title),
          description: say("walkthrough.description", contributions.walkthrough.description),
          steps: contributions.steps.map(({ id, title, description, command }) => ({
            id,
            title: say(`walkthrough.${id}.title`, title),
            description: say(`walkthrough.${id}.description`, description),
            media: { svg: `media/walkthrough/${id}.svg`, altText: say(`walkthrough.${id}.title`, title) },
            completionEvents: [`onCommand:${commandId(command)}`],
          })),
        },
      ],
    },
  };
  return { fields, english, chinese };
}

type Say = (key: string, text: Text) => string;

function commandEntries(say: Say) {
  return Object.entries<CommandContribution>(commands).map(([name, { title, icon, enablement }]) => ({
    command: `iadr1.${name}`,
    title: say(`command.${name}`, title),
    category: "IAD-R1",
    ...(icon === undefined ? {} : { icon: `$(${icon})` }),
    ...(enablement === undefined ? {} : { enablement }),
  }));
}

function menuEntries() {
  const palette = Object.entries<CommandContribution>(commands)
    .filter(([, { palette: when }]) => when !== undefined)
    .map(([name, { palette: when }]) => ({ command: `iadr1.${name}`, when: String(when) }));
  const menus = Object.entries(contributions.menus).map(([menu, items]) => [
    menu,
    items.map(({ command, when, group }) => ({ command: commandId(command), when, group })),
  ]);
  return { ...Object.fromEntries(menus), commandPalette: palette };
}

function settingEntries(say: Say) {
  const entries = Object.entries(contributions.settings).map(([name, setting], order) => {
    const { description, scope, type, default: value } = setting;
    const property: Record<string, unknown> = {
      ...{ order, type, default: value, scope },
      markdownDescription: say(`setting.${name}`, description),
    };
    if ("minimum" in setting) Object.assign(property, { minimum: setting.minimum, maximum: setting.maximum });
    if ("choices" in setting) {
      property.enum = Object.keys(setting.choices);
      property.enumDescriptions = Object.entries<Text>(setting.choices).map(([choice, explanation]) =>
        say(`setting.${name}.${choice}`, explanation),
      );
    }
    if (type === "array") {
      const choices = "items" in setting ? setting.items : undefined;
      property.items = choices === undefined ? { type: "string" } : { type: "string", enum: choices };
      if (choices !== undefined) property.uniqueItems = true;
    }
    if ("names" in setting) {
      property.patternProperties = { [setting.names]: { type: "string", enum: setting.values } };
      property.additionalProperties = false;
    } else if (type === "object") property.additionalProperties = { type: "string" };
    return [`iadr1.${name}`, property];
  });
  return Object.fromEntries(entries);
}
