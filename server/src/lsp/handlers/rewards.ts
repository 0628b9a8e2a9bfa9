/** The reward debugger over LSP: reward files that are open, and the requests about them. Finds the document, asks the service, converts. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ConfigError } from "@iad-r1/models/errors";
import {
  configureRewards,
  debugReward,
  didChangeReach,
  didChangeRewardScope,
  endRewardDebug,
  listRewards,
  probeReward,
  rescoreReward,
  rewardReport,
  rewardScope,
  rewardScopeChoices,
  rewardTests,
  runRewardTests,
  sampleRewardRollouts,
  setRewardScope,
  startLiveValues,
  stopLiveValues,
  traceReward,
} from "@iad-r1/protocol/lsp";
import type { RewardSurfaces } from "@iad-r1/protocol/rewardDebugger";
import {
  type CodeAction,
  CodeActionKind,
  type CodeLens,
  CodeLensRefreshRequest,
  type Connection,
  type Diagnostic,
  type Hover,
  type InlayHint,
  InlayHintRefreshRequest,
  MarkupKind,
  type Position,
  type Range,
} from "vscode-languageserver";
import { labelTranslatorFor } from "../../features/localise/labels";
import { rewardTranslatorFor } from "../../features/localise/rewards";
import { type PlacedFinding, placedFindings, rewardFindings } from "../../features/rewards/findings";
import { functionMarkdown } from "../../features/rewards/functionHover";
import { rewardHover } from "../../features/rewards/hovers";
import { rewardHints } from "../../features/rewards/inlayHints";
import { rewardLenses } from "../../features/rewards/lenses";
import { rewardReach } from "../../features/rewards/reach";
import { RewardView } from "../../features/rewards/view";
import { offsetAt } from "../../features/places";
import type { Finding, Fix } from "../../features/types";
import { looksLikeReward, type OpenReward, RewardDebugService } from "../../rewards/debug/debugService";
import type { KnownSource } from "../../rewards/debug/readScope";
import { sampleToFile } from "../../tasks/sampleToFile";
import type { Services } from "../../services";
import { overlaps, pathOfUri, toDiagnostic, uriOfPath } from "../convert";
import type { Dispatcher } from "../dispatch";
import {
  rewardDebugParams,
  rewardDebugSessionParams,
  rewardDocumentParams,
  rewardLiveParams,
  rewardPlaceParams,
  rewardSampleParams,
  rewardScopeParams,
  rewardSurfacesParams,
  rewardTestParams,
  rewardTraceParams,
} from "../params";
import { probeEdit, registerRewardProbes } from "./rewardProbes";
import { registerRewardVersions } from "./rewardVersions";

export interface RewardDocuments {
  /** True for a document of a language that rewards are written in; the others are not for here. */
  speaks(path: string): boolean;
  change(path: string, uri: string, version: number, text: string): void;
  save(path: string): void;
  close(path: string): void;
  hover(path: string, position: Position): Hover | null;
  lenses(path: string): Promise<CodeLens[] | null>;
  actions(path: string, uri: string, range: Range, shown: readonly Diagnostic[]): CodeAction[];
  /** What the client can be asked to look at again, and its folders. */
  initialize(client: {
    refreshesLenses: boolean;
    refreshesHints: boolean;
    /** An edit may make a file. */
    createsFiles: boolean;
    folders: readonly string[];
  }): void;
  /** A run wrote rollouts, or came or went. */
  rolloutsChanged(run: string): void;
  dispose(): Promise<void>;
}

/** How often an editor is asked to ask again for lenses and hints, at most. */
const refreshRestMs = 150;
const maxSampleFiles = 20;

/** @param locale of the editor, such as `zh-cn`; known once it has said so */
export function registerRewards(
  connection: Connection,
  on: Dispatcher,
  services: Services,
  locale: () => string,
): RewardDocuments {
  const say = () => rewardTranslatorFor(locale());
  const labelled = () => labelTranslatorFor(locale());
  let surfaces: RewardSurfaces = { inlayHints: "returns", codeLens: true, findings: {} };
  let client = { refreshesLenses: false, refreshesHints: false, createsFiles: false, folders: [] as readonly string[] };
  let refreshTimer: NodeJS.Timeout | null = null;
  const uris = new Map<string, string>();
  /** What was shown last, for quick fixes. */
  const shown = new Map<string, Finding[]>();
  const explain = explanations();

  const service = new RewardDebugService({
    runs: () => [...runSources(services), ...sampleFiles(client.folders)],
    folders: () => [...client.folders],
    rewardFolders: () => surfaces.folders ?? ["rewards"],
    mayRun: services.options.transport === "stdio",
    onLog: (message) => connection.console.warn(message),
    onScope: (state) => {
      void connection.sendNotification(didChangeRewardScope, labelled().scope(state)).catch(() => undefined);
    },
    onChange: (path) => publish(path),
  });

  const uriOf = (path: string) => uris.get(path) ?? uriOfPath(path);

  function viewOf(path: string, open: OpenReward | null): RewardView | null {
    if (open === null || open.facts === null) return null;
    const { text, facts, examined, state } = open;
    // Hovers name the rollouts as lists do.
    const report = open.report && { ...open.report, label: labelled().text(open.report.label) };
    return new RewardView({ uri: uriOf(path), text, facts, report, examined, isUpdating: state === "updating" });
  }

  const findingsOf = (view: RewardView) => placedFindings(view, surfaces.findings).map(say().placed);

  /** Problems, reach, and a nudge to ask for lenses and hints again. */
  function publish(path: string): void {
    const open = service.look(path);
    const view = viewOf(path, open);
    const uri = uriOf(path);
    const findings = view === null ? [] : rewardFindings(view, findingsOf(view), explain).map(say().finding);
    const version = open?.version;
    if (findings.length > 0 || shown.has(path)) {
      shown.set(path, findings);
      const diagnostics = findings.map(toDiagnostic);
      void connection.sendDiagnostics({ uri, diagnostics, ...(version !== undefined && { version }) });
    }
    if (open === null) shown.delete(path);
    const problem = open?.report?.problem ?? null;
    const reach = {
      ...{ uri, version: version ?? 0, lines: view === null ? [] : rewardReach(view) },
      ...{ state: open?.state ?? ("off" as const), problem },
    };
    void connection.sendNotification(didChangeReach, reach).catch(() => undefined);
    refreshTimer ??= setTimeout(() => {
      refreshTimer = null;
      if (client.refreshesLenses) void connection.sendRequest(CodeLensRefreshRequest.type).catch(() => undefined);
      if (client.refreshesHints) void connection.sendRequest(InlayHintRefreshRequest.type).catch(() => undefined);
    }, refreshRestMs);
  }

  /** Null when it is all kept already, or the editor cannot make files. */
  const keepingEdit = (path: string, { function: name, probes }: NonNullable<Fix["keeps"]>) =>
    client.createsFiles ? probeEdit(path, name, probes, client.folders) : null;

  const requirePath = (uri: string): string => {
    const path = pathOfUri(uri);
    if (path !== null) return services.allow(path);
    throw new ConfigError("reward/no-file", `${uri} is no file on a disk.`, { hint: "Save it first." });
  };
  /** As the editor shows it, else as it lies on the disk. */
  const textOf = async (path: string): Promise<string> => service.look(path)?.text ?? readFile(path, "utf8");

  connection.languages.inlayHint.on(({ textDocument, range }, token) =>
    on.answer<InlayHint[] | null>("inlayHint", token, () => {
      const path = pathOfUri(textDocument.uri);
      const view = path === null ? null : viewOf(path, service.look(path));
      if (view === null) return null;
      const hints = rewardHints(view, surfaces.inlayHints, range.start.line, range.end.line).map(say().hint);
      return hints.map(({ position, label, tooltip }) => ({
        ...{ position, label, paddingLeft: true },
        tooltip: { kind: MarkupKind.Markdown, value: tooltip },
      }));
    }),
  );
  on.on0(rewardScope, async () => labelled().scope(await service.readyScope()));
  on.on(setRewardScope, rewardScopeParams, async (change) => {
    if (change.source?.kind === "file") services.allow(change.source.path);
    return labelled().scope(await service.setScope(change));
  });
  on.on0(rewardScopeChoices, async () => labelled().choices(await service.choices()));
  on.on(startLiveValues, rewardLiveParams, async (options) => labelled().scope(await service.startLive(options)));
  on.on0(stopLiveValues, async () => labelled().scope(await service.stopLive()));
  on.on(configureRewards, rewardSurfacesParams, (wanted) => {
    surfaces = wanted;
    for (const path of service.open) publish(path);
    return null;
  });
  on.on(rescoreReward, rewardDocumentParams, async ({ uri }) => {
    await service.rescore(requirePath(uri));
    return null;
  });
  on.on0(listRewards, async () =>
    (await service.list()).map(({ name, file, language, shape, scope, weight, line, character }) => ({
      ...{ name, uri: pathToFileURL(file).href, language, shape, scope, weight, line, character },
    })),
  );
  on.on(rewardReport, rewardPlaceParams, async ({ uri, function: name }) => {
    const path = requirePath(uri);
    await service.settled(path);
    const view = viewOf(path, service.look(path));
    const placed = view?.functionNamed(name) ?? null;
    if (view === null || placed === null || placed.report === null) {
      throw new ConfigError("reward/no-report", `Nothing is known about ${name} yet.`, {
        hint: "Open its file and choose rollouts to look at.",
      });
    }
    const findings = findingsOf(view).filter((finding) => finding.function === name);
    const markdown = say().markdown(functionMarkdown(view, placed, findings[0] ?? null, true));
    return { function: placed.report, findings: findings.map(toView), markdown };
  });
  on.on(probeReward, rewardPlaceParams, async ({ uri, function: name }, signal) => {
    const path = requirePath(uri);
    const probes = await service.probe(path, await textOf(path), name, signal);
    return { function: name, probes: probes.map(say().probe) };
  });
  on.on(traceReward, rewardTraceParams, async ({ uri, function: name, rollout, completion }, signal) => {
    const path = requirePath(uri);
    return service.trace(path, await textOf(path), name, rollout, completion ?? null, signal);
  });
  on.on(debugReward, rewardDebugParams, async ({ uri, function: name, rollout }) => {
    const path = requirePath(uri);
    return service.debug(path, await textOf(path), name, rollout ?? null);
  });
  on.on(endRewardDebug, rewardDebugSessionParams, async ({ session }) => {
    await service.endDebug(session);
    return null;
  });
  on.on(rewardTests, rewardDocumentParams, async ({ uri }) => {
    const path = requirePath(uri);
    return service.tests(path, await textOf(path));
  });
  on.on(runRewardTests, rewardTestParams, async ({ uri, ids }, signal) => {
    const path = requirePath(uri);
    return service.runTests(path, await textOf(path), ids, signal);
  });

  registerRewardProbes(on, { services, requirePath, folders: () => client.folders });
  registerRewardVersions(on, {
    ...{ service, services, requirePath, uriOf, folders: () => client.folders },
    viewOf: (path) => viewOf(path, service.look(path)),
    placedFindings: findingsOf,
  });
  on.on(sampleRewardRollouts, rewardSampleParams, async ({ folder, data, model, prompts, groupSize }, signal) => {
    const { base, adapter } = await services.model(model);
    const place = { folder: services.allow(folder), data: services.allow(data) };
    return sampleToFile({ ...place, base, adapter, prompts, groupSize }, signal);
  });

  return {
    speaks: (path) => /\.(?:[cm]?[jt]s|py)$/i.test(path),
    change(path, uri, version, text) {
      if (service.look(path) === null && !looksLikeReward(path, text)) return;
      // The editor's own spelling of the address, which may differ in case or escapes.
      uris.set(path, uri);
      service.change(path, version, text);
    },
    save: (path) => service.saved(path),
    close: (path) => service.close(path),
    hover(path, position) {
      const view = viewOf(path, service.look(path));
      if (view === null) return null;
      const found = rewardHover(view, offsetAt(view.lines, position), findingsOf(view));
      const text = (markdown: string) => ({ kind: MarkupKind.Markdown, value: say().markdown(markdown) });
      return found && { range: found.range, contents: text(found.markdown) };
    },
    async lenses(path) {
      if (!surfaces.codeLens) return null;
      const view = viewOf(path, await service.opened(path));
      if (view === null) return null;
      return rewardLenses(view)
        .map(say().lens)
        .map(({ range, title, tooltip, command, arguments: args }) => ({
          range,
          command: { title, tooltip, command, arguments: [...args] },
        }));
    },
    actions(path, uri, range, diagnostics) {
      return (shown.get(path) ?? [])
        .filter((finding) => overlaps(finding.range, range))
        .flatMap(({ code, fixes, range: place }) => {
          const about = diagnostics.filter((one) => one.code === code && overlaps(one.range, place));
          return fixes.flatMap(({ title, edits, sure, keeps }): CodeAction[] => {
            const edit = keeps === undefined ? { changes: { [uri]: edits } } : keepingEdit(path, keeps);
            const action = { title, kind: CodeActionKind.QuickFix, diagnostics: about, isPreferred: sure };
            return edit === null ? [] : [{ ...action, edit }];
          });
        });
    },
    initialize(found) {
      client = found;
    },
    rolloutsChanged: (run) => service.rolloutsChanged(run),
    dispose() {
      if (refreshTimer !== null) clearTimeout(refreshTimer);
      return service.dispose();
    },
  };
}

function toView({ id, severity, function: name, message, certain, rollouts }: PlacedFinding) {
  return { id, severity, function: name, message, certain, rollouts: rollouts.map(({ key }) => key) };
}

function runSources({ runs }: Services): KnownSource[] {
  return runs.list().map(({ id, folder }) => ({ source: { kind: "run", run: id }, path: folder, name: `run ${id}` }));
}

/** Files of rollouts in the folders of the window: what `rollouts sample` wrote for the editor; the newest first. */
function sampleFiles(folders: readonly string[]): KnownSource[] {
  return folders.flatMap((folder) => {
    const place = join(folder, ".iadr1", "rollouts");
    if (!existsSync(place)) return [];
    return readdirSync(place)
      .filter((name) => name.endsWith(".jsonl"))
      .sort()
      .reverse()
      .slice(0, maxSampleFiles)
      .map((name) => ({ source: { kind: "file" as const, path: join(place, name) }, path: join(place, name), name }));
  });
}

/** Where the page about the findings that comes with this installation explains an id; null where the page was left out. */
function explanations(): (id: string) => string | null {
  for (const candidate of ["../docs/reward-debugger.md", "../../../../docs/reward-debugger.md"]) {
    const path = fileURLToPath(new URL(candidate, import.meta.url));
    if (!existsSync(path)) continue;
    const lines = readFileSync(path, "utf8").split("\n");
    const headings = new Map(
      lines.flatMap((line, i) => {
        const id = /^## (RW\d{3})\b/.exec(line)?.[1];
        return id === undefined ? [] : [[id, i + 1] as const];
      }),
    );
    const page = pathToFileURL(path).href;
    // Editors open a file at a line, not at a heading.
    return (id) => (headings.has(id) ? `${page}#L${headings.get(id)}` : page);
  }
  return () => null;
}
