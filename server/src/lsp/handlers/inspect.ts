/** Requests about models and inspections. A start answers with the name of a job; what it says comes over the stream. */
import { cancelJob, listModels, showJob, startHeatMap, startInspection, unloadModels } from "@iad-r1/protocol/lsp";
import type { InspectRequest } from "@iad-r1/protocol/inspect";
import type { LabelTranslator } from "../../features/localise/labels";
import type { Services } from "../../services";
import type { Dispatcher } from "../dispatch";
import { heatMapRequest, inspectRequest, jobParams, unloadParams } from "../params";

export function registerInspect(on: Dispatcher, services: Services, say: () => LabelTranslator): void {
  const { inspect } = services;
  on.on0(listModels, async () =>
    // A folder's name is a person's own.
    (await services.models()).map((model) =>
      model.source === "folder" ? model : { ...model, title: say().text(model.title) },
    ),
  );
  on.on(startInspection, inspectRequest, async (request) => ({
    job: inspect.start({ kind: "inspect", ...(await pictures(services, request)), request }),
  }));
  on.on(startHeatMap, heatMapRequest, async (request) => ({
    job: inspect.start({ kind: "heat-map", ...(await pictures(services, request)), request }),
  }));
  on.on(cancelJob, jobParams, ({ job }) => {
    inspect.cancel(job);
    return null;
  });
  on.on(showJob, jobParams, ({ job }) => inspect.jobs.get(job));
  on.on(unloadModels, unloadParams, async ({ model }) => {
    await inspect.unload(model === undefined ? undefined : await services.model(model));
    return null;
  });
}

async function pictures(
  services: Services,
  { model, image, references = [] }: Pick<InspectRequest, "model" | "image" | "references">,
) {
  return {
    model: await services.model(model),
    path: services.imagePath(image),
    references: references.map((one) => services.imagePath(one)),
  };
}
