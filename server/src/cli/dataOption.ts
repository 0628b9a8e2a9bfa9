/** The option --data of commands that look at samples: a data set of any format, or pictures drawn on the spot. */
import { ConfigError, DataError } from "@iad-r1/models/errors";
import { readDataset } from "../data/dataset";
import type { InspectionSample } from "../data/samples";
import { requireSound } from "../data/sources";
import { synthSamples } from "../data/synthDataset";

export const DATA_HELP = "a folder with annotations.jsonl, an MVTec-style folder, a data set file, or synth:SEED:COUNT";

/** @throws ConfigError, DataError when nothing usable is there */
export async function samplesOf(data: string, signal: AbortSignal): Promise<InspectionSample[]> {
  const synth = /^synth:(\d+):(\d+)$/.exec(data);
  if (synth !== null) {
    const count = Number(synth[2]);
    if (count < 1 || count > 1_000_000) {
      throw new ConfigError("data/count", `${data} asks for ${count} pictures, expected 1 to 1,000,000.`, {
        hint: "For example --data synth:7:300.",
      });
    }
    return synthSamples({ seed: Number(synth[1]), count, size: 112 });
  }
  if (data.startsWith("synth:")) {
    throw new ConfigError("data/synth", `--data: expected synth:SEED:COUNT, got "${data}".`, {
      hint: "For example --data synth:7:300.",
    });
  }
  const samples = requireSound(await readDataset(data, { signal }));
  if (samples.length > 0) return samples;
  throw new DataError("data/no-samples", `${data} holds no samples.`, {
    where: data,
    hint: "`iad-r1 data stats` shows what a data set holds.",
  });
}
