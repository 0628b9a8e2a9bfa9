/** `iad-r1 inspect IMAGE…`: look at pictures, the reasoning streamed as it is written. */
import { DataError } from "@iad-r1/models/errors";
import type { InspectEvent, Inspection, TokenChoice } from "@iad-r1/protocol/inspect";
import type { Command } from "commander";
import { mostAlternatives } from "../../generate/alternatives";
import type { InspectMethods, InspectWorkerOptions } from "../../inspect/inspectWorker";
import { chosenMessage } from "../../runtime/deviceWork";
import { entryPath } from "../../runtime/entry";
import { startWorker } from "../../runtime/workerClient";
import { action, report } from "../action";
import type { CliContext } from "../context";
import { type DEVICE_CHOICES, deviceOption, modelOf, modelOption } from "../modelOptions";
import { integer, nonNegative } from "../numberOption";

interface InspectOptions {
  model?: string;
  adapter?: string;
  bits?: "4" | "8";
  reference: string[];
  device: (typeof DEVICE_CHOICES)[number];
  threads: number;
  maxTokens: number;
  temperature: number;
  seed: number;
  question?: string;
  alternatives: number;
}

export function registerInspect(program: Command): void {
  const command = program
    .command("inspect")
    .description("look at pictures: the model reasons, then says whether, where and what the defect is")
    .argument("<image...>", "PNG, JPEG, WebP, BMP or TIFF files; one that cannot be read does not stop the others")
    .option(
      "--reference <image>",
      "a picture of a good part to compare with (repeatable)",
      (value, all: string[]) => [...all, value],
      [],
    )
    .option("--max-tokens <n>", "longest answer in tokens", integer(1), 512)
    .option("--temperature <t>", "0 = always the most likely word", nonNegative, 0)
    .option("--seed <n>", "seed of the sampling when the temperature is above 0", integer(0), 42)
    .option(
      "--alternatives <n>",
      "with --json: the probability of every token and of so many others that might have stood there",
      integer(0, mostAlternatives),
      0,
    )
    .option("--threads <n>", "threads for the arithmetic; 0 = one per core", integer(0), 0)
    .option("--question <text>", "ask this instead of the usual question");
  modelOption(command);
  deviceOption(command);
  command.action(
    action(async (context, self) => {
      await inspectFiles(context, self.args, self.opts<InspectOptions>());
    }),
  );
}

/**
 * Inspects the files one after another; a picture that cannot be read is told and the others still run. The model has a process of its own,
 * which asks for large pages and whose crash (a graphics driver) is an error here.
 */
export async function inspectFiles(
  context: CliContext,
  images: readonly string[],
  options: InspectOptions,
): Promise<void> {
  const model = await modelOf(options, context.signal);
  const inspector = await startWorker<InspectMethods, InspectWorkerOptions>(
    { isolation: "process", entry: entryPath("inspectWorker") },
    { name: "The model", init: { model, device: options.device, threads: options.threads }, signal: context.signal },
  );
  const stream = streamText(images.length > 1);
  let computes = "";
  const inspectOne = async (image: string): Promise<void> => {
    const choices: TokenChoice[] = [];
    const request = {
      image,
      references: options.reference,
      ...(options.question === undefined ? {} : { question: options.question }),
      temperature: options.temperature,
      seed: options.seed,
      maxNewTokens: options.maxTokens,
      alternatives: options.alternatives,
    };
    const onEvent = (event: InspectEvent) => {
      // Once, and again when a device has failed.
      if (event.type === "started" && event.computes.reason !== computes) {
        computes = event.computes.reason;
        context.log(chosenMessage(event.computes));
      }
      if (event.type === "started") choices.length = 0;
      if (event.type === "text") choices.push(...event.choices);
      if (!context.json) stream(event);
    };
    const result = await inspector.call("inspect", request, { signal: context.signal, onEvent });
    if (context.json) context.printJson(options.alternatives === 0 ? result : { ...result, choices });
    else context.print(verdict(result));
  };
  try {
    for (const image of images) {
      context.signal.throwIfAborted();
      try {
        await inspectOne(image);
      } catch (error) {
        // Only what is wrong with this file: a model or a reference that fails would fail for all of them.
        if (!DataError.is(error) || error.where !== image) throw error;
        report(error, context);
        context.fail();
      }
    }
  } finally {
    await inspector.dispose();
  }
}

function streamText(withName: boolean): (event: InspectEvent) => void {
  return (event) => {
    if (event.type === "started" && withName) process.stdout.write(`${event.image}\n`);
    if (event.type === "text") process.stdout.write(event.text);
    if (event.type === "finished") process.stdout.write("\n");
  };
}

/** One line a person can act on. */
export function verdict({ answer, location, type, anomalyScore, finish, tokens, timings }: Inspection): string {
  const score = anomalyScore === null ? "" : ` · anomaly score ${anomalyScore.toFixed(2)}`;
  const pace = `${tokens.completion} tokens in ${(timings.total / 1000).toFixed(1)} s`;
  const found = [type, location].filter((part) => part !== null && part !== "").join(", ");
  const said =
    answer === null
      ? `NO VERDICT (${finish === "length" ? "the answer was cut off; --max-tokens lets it be longer" : "the answer could not be read"})`
      : answer === "yes"
        ? `DEFECT${found === "" ? "" : `: ${found}`}`
        : "GOOD";
  return `→ ${said}${score} · ${pace}\n`;
}
