/** Requests about recorded rollouts. */
import { type RolloutExport, rolloutExportEnding } from "@iad-r1/protocol/rollouts";
import {
  exportRollouts,
  queryRollouts,
  rolloutAdvantages,
  rolloutGroup,
  rolloutGroups,
  rolloutOverview,
  rolloutPicture,
  rolloutPlace,
  rolloutWhatIf,
} from "@iad-r1/protocol/lsp";
import type { RolloutSource } from "@iad-r1/protocol/rewardDebugger";
import { pictureOf } from "../../rollouts/row";
import type { Services } from "../../services";
import type { Dispatcher } from "../dispatch";
import {
  exportRolloutsParams,
  groupParams,
  groupsParams,
  overviewParams,
  queriedGroupParams,
  queryParams,
  rolloutPictureParams,
  whatIfParams,
} from "../params";

/** Folder of a run, or a file that this server may read. */
export function sourcePath(services: Services, source: RolloutSource): string {
  return source.kind === "run" ? services.runs.get(source.run).folder : services.allow(source.path);
}

export function registerRollouts(on: Dispatcher, services: Services): void {
  const { tasks, explore } = services;
  const pathOf = (source: RolloutSource) => sourcePath(services, source);
  on.on(rolloutOverview, overviewParams, async ({ source }, signal) => ({
    ...(await explore.run("overview", { path: pathOf(source) }, signal)),
    source,
  }));
  on.on(queryRollouts, queryParams, ({ source, query, flips }, signal) =>
    explore.run("query", { path: pathOf(source), query, flips }, signal),
  );
  on.on(rolloutGroups, groupsParams, ({ source, ...rest }, signal) =>
    explore.run("groups", { path: pathOf(source), ...rest }, signal),
  );
  on.on(rolloutPlace, queriedGroupParams, async ({ source, query, step, group }, signal) => ({
    place: await explore.run("place", { path: pathOf(source), query, key: { step, group } }, signal),
  }));
  on.on(rolloutGroup, queriedGroupParams, ({ source, ...rest }, signal) =>
    explore.run("group", { path: pathOf(source), ...rest }, signal),
  );
  on.on(rolloutAdvantages, groupParams, ({ source, ...rest }, signal) =>
    explore.run("advantages", { path: pathOf(source), ...rest }, signal),
  );
  on.on(rolloutWhatIf, whatIfParams, ({ source, rollout, completion }, signal) =>
    explore.run("whatIf", { path: pathOf(source), key: rollout, completion }, signal),
  );
  on.on(rolloutPicture, rolloutPictureParams, async ({ source, kind, ...group }, signal) => {
    const picture = await explore.run("picture", { path: pathOf(source), ...group }, signal);
    if (picture === null) return null;
    // What a record names is not trusted to lie in the folders that are served.
    const { path, isFile } = pictureOf(picture.id);
    if (isFile) services.allow(path);
    if (picture.mask !== null) services.allow(picture.mask);
    return tasks.run("rolloutPicture", { picture, kind }, signal);
  });
  on.on(exportRollouts, exportRolloutsParams, async ({ source, out, ...rest }, signal) => {
    const write = (file: string) => explore.run("export", { path: pathOf(source), ...rest, out: file }, signal);
    if (out !== undefined) {
      const file = services.allow(out);
      return { file, ...(await write(file)) };
    }
    let written: RolloutExport;
    const made = await services.keepFile(rolloutExportEnding(rest.format), async (file) => {
      written = await write(file);
    });
    return { ...written!, made };
  });
}
