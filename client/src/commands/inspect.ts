/** Commands about looking at images. Those for the open inspector do what its own buttons do. */
import { basename } from "node:path";
import { Uri, window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { DataSample } from "@iad-r1/protocol/project";
import type { inspectorPanel } from "@iad-r1/protocol/webview";
import { imageExtensions } from "../contributions";
import { UserError } from "../errors";
import { imagesIn } from "../panels/inspectorPanel";
import type { SetNode } from "../views/dataTree";
import * as messages from "../messages";
import { withProgress } from "./progress";
import type { Parts } from "./types";

/** Samples of a data set that are put into one strip. */
const maxSamples = 5000;
const pageSize = 1000;

/**
 * Opens an image in the inspector and lets the model look at it.
 *
 * @param args from Explorer: the file and all selected ones; from a lens: the paths of the picture and its references; none: asks
 */
export async function inspectImage(parts: Parts, ...args: unknown[]): Promise<void> {
  return showImages(parts, args, parts.context.isTrusted);
}

/** Shows the image and lets no model look at it yet. */
export async function openImage(parts: Parts, ...args: unknown[]): Promise<void> {
  return showImages(parts, args, false);
}

async function showImages({ inspectors }: Parts, args: readonly unknown[], start: boolean): Promise<void> {
  const given = fromLens(args[0]);
  if (given !== null) {
    inspectors.show({
      ...{ title: basename(given.image), start },
      images: [{ uri: Uri.file(given.image), references: given.references.map((path) => Uri.file(path)) }],
    });
    return;
  }
  const uris = Array.isArray(args[1]) ? args[1].filter((uri): uri is Uri => uri instanceof Uri) : [];
  if (uris.length > 1) {
    const title = messages.folderTitle(basename(Uri.joinPath(uris[0]!, "..").fsPath));
    return inspectors.show({ title, images: uris.map((uri) => ({ uri })), start });
  }
  const uri = args[0] instanceof Uri ? args[0] : await askImage();
  if (uri !== undefined) await inspectors.inspect(uri, { start });
}

/** `{image, references}` as the lens of a data set file sends it. */
function fromLens(value: unknown): { image: string; references: string[] } | null {
  if (typeof value !== "object" || value === null || value instanceof Uri) return null;
  const { image, references } = value as { image?: unknown; references?: unknown };
  if (typeof image !== "string") return null;
  return { image, references: Array.isArray(references) ? references.filter((path) => typeof path === "string") : [] };
}

async function askImage(): Promise<Uri | undefined> {
  const chosen = await window.showOpenDialog({
    ...{ title: messages.pickImage(), openLabel: messages.inspectAction(), filters: { Images: [...imageExtensions] } },
    ...defaultFolder(),
  });
  return chosen?.[0];
}

function defaultFolder(): { defaultUri?: Uri } {
  const folder = workspace.workspaceFolders?.[0]?.uri;
  return folder === undefined ? {} : { defaultUri: folder };
}

/** Opens a folder, or a part of a data set, as a strip of images. */
export async function inspectFolder(parts: Parts, target?: unknown): Promise<void> {
  const node = dataNode(target);
  if (node !== null) return inspectData(parts, node);
  const folder = target instanceof Uri ? target : await askFolder();
  if (folder === undefined) return;
  const name = basename(folder.fsPath);
  const images = await imagesIn(folder);
  if (images.length === 0) throw new UserError(messages.noImages(name));
  parts.inspectors.show({ title: messages.folderTitle(name), images: images.map((uri) => ({ uri })), start: false });
}

async function askFolder(): Promise<Uri | undefined> {
  const chosen = await window.showOpenDialog({
    ...{ canSelectFiles: false, canSelectFolders: true },
    ...{ title: messages.pickFolder(), openLabel: messages.inspectAction() },
    ...defaultFolder(),
  });
  return chosen?.[0];
}

function dataNode(value: unknown): SetNode | null {
  const isNode = typeof value === "object" && value !== null && "set" in value && !(value instanceof Uri);
  return isNode ? (value as SetNode) : null;
}

async function inspectData({ context, inspectors }: Parts, node: SetNode): Promise<void> {
  const { path } = node.set;
  if (path === null) return;
  const samples = await withProgress(messages.readingData(), async (token) => {
    const all: DataSample[] = [];
    for (let total = 1; all.length < Math.min(total, maxSamples); ) {
      const page = await context.connection.request(
        lsp.dataSamples,
        { path, offset: all.length, limit: pageSize },
        token,
      );
      total = page.total;
      if (page.samples.length === 0) break;
      all.push(...page.samples);
    }
    return all;
  });
  const chosen = samples.filter((sample) => node.kind === "set" || sample.category === node.class.name);
  const name = node.kind === "set" ? node.set.name : node.class.name;
  if (chosen.length === 0) throw new UserError(messages.noImages(name));
  inspectors.show({
    ...{ title: messages.folderTitle(name), start: false },
    images: chosen.map((sample) => ({
      uri: Uri.file(sample.image),
      sample,
      references: sample.references.map((reference) => Uri.file(reference)),
    })),
  });
}

/** Does what a button of the open inspector does. */
export function inInspector(name: (typeof inspectorPanel)["commands"][number]) {
  return ({ inspectors }: Parts): void => {
    const { active } = inspectors;
    if (active === null) throw new UserError(messages.noInspector());
    active.command(name);
  };
}

export async function compareWithModel({ inspectors }: Parts): Promise<void> {
  const { active } = inspectors;
  if (active === null) throw new UserError(messages.noInspector());
  await active.pickModel(1);
}

export async function setThreshold({ inspectors }: Parts): Promise<void> {
  const { active } = inspectors;
  if (active === null) throw new UserError(messages.noInspector());
  const isFine = (text: string) => text.trim() === "" || (Number(text) >= 0 && Number(text) <= 1);
  const text = await window.showInputBox({
    prompt: messages.askThreshold(),
    validateInput: (value) => (isFine(value) ? undefined : messages.thresholdWrong()),
  });
  if (text !== undefined) active.setThreshold(text.trim() === "" ? null : Number(text));
}
