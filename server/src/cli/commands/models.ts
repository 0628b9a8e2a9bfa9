/** `iad-r1 models …`: the models of this machine; `iad-r1 quantize`: a small form of one of them. */
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { usualBlockSize } from "@iad-r1/models/checkpoint/quantize";
import { ConfigError, DataError } from "@iad-r1/models/errors";
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import { counted } from "@iad-r1/models/util/counted";
import { loadImage } from "@iad-r1/models/vision/decode";
import { type Command, Option } from "commander";
import { resolveModel } from "../../config/modelNames";
import { quantizationLoss, type QuantizationLoss, type ReadExample } from "../../evaluate/quantizationLoss";
import { supervisedExample } from "../../generate/examples";
import { catalog, type CatalogEntry, catalogEntry } from "../../modelStore/catalog";
import { downloadModel } from "../../modelStore/download";
import { mergeAdapter } from "../../modelStore/merge";
import { smallModel } from "../../modelStore/quantized";
import { addModel, removeModel, storedModels, targetOf } from "../../modelStore/store";
import { action } from "../action";
import type { CliContext } from "../context";
import { DATA_HELP, samplesOf } from "../dataOption";
import { integer } from "../numberOption";
import { table } from "../terminalText";

export function registerModelsCommands(program: Command): void {
  const models = program
    .command("models")
    .description("the models on this machine: list, add, download, remove, merge");
  registerList(models);
  registerAddAndRemove(models);
  registerDownload(models);
  registerMerge(models);
  registerQuantize(program);
}

/** A size as people read it. */
function size(bytes: number | null): string {
  if (bytes === null) return "unknown";
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function registerList(models: Command): void {
  models
    .command("list")
    .description("the catalogue (seven bases, the published IAD-R1 checkpoints) and what is on this machine")
    .action(
      action(async (context) => {
        const all = await storedModels();
        if (context.json) return context.printJson(all);
        const rows = all.map(({ name, state, folder, diskBytes, entry }) => [
          name,
          entry === null ? "" : `${(entry.parameters / 1e9).toFixed(2)} B`,
          size(diskBytes ?? entry?.sizeBytes ?? null),
          entry === null ? "" : (entry.license ?? "not stated"),
          state,
          folder ?? entry?.repository ?? "",
        ]);
        for (const line of table(["name", "numbers", "size", "licence", "state", "where"], rows)) context.print(line);
        context.print(
          "\nSizes of what is not here are two bytes a number. Checksums of weight files are the server's; none is known beforehand.",
        );
      }),
    );
}

function registerAddAndRemove(models: Command): void {
  models
    .command("add")
    .description("give a checkpoint folder a name; the folder stays where it is")
    .argument("<name>", "the name to use in --model")
    .argument("<folder>", "a checkpoint as Hugging Face writes it")
    .action(
      action(async (context, command) => {
        const [name, folder] = command.args as [string, string];
        await addModel(name, folder);
        if (context.json) return context.printJson({ name, folder: resolve(folder) });
        context.print(`${name} is now ${resolve(folder)}.`);
      }),
    );
  models
    .command("remove")
    .description("delete a downloaded model, or forget one that was added; other folders are never touched")
    .argument("<name>", "as `iad-r1 models list` shows it")
    .action(
      action(async (context, command) => {
        const name = command.args[0]!;
        const freedBytes = await removeModel(name);
        if (context.json) return context.printJson({ name, freedBytes });
        context.print(
          freedBytes === 0
            ? `${name} is forgotten; its folder is where it was.`
            : `${name} is deleted, ${size(freedBytes)} are free again.`,
        );
      }),
    );
}

interface DownloadFlags {
  revision: string;
  endpoint?: string;
  acceptLicence?: boolean;
}

function registerDownload(models: Command): void {
  models
    .command("download")
    .description("get a model of the catalogue from its Hugging Face repository; goes on where an earlier try stopped")
    .argument("<name>", "as `iad-r1 models list` shows it")
    .option("--revision <commit>", "branch, tag or commit", "main")
    .option("--endpoint <url>", "another server with the hub's interface (default: $HF_ENDPOINT, or the public hub)")
    .option("--accept-licence", "you have read the model's licence and accept it; asked for where it has conditions")
    .action(
      action(async (context, command) => {
        const name = command.args[0]!;
        const entry = catalogEntry(name);
        if (entry === undefined) {
          throw new ConfigError("models/unknown", `The catalogue has no model ${name}.`, {
            hint: `It has ${catalog.map((one) => one.name).join(", ")}.`,
          });
        }
        const flags = command.opts<DownloadFlags>();
        requireLicence(entry, flags);
        const endpoint = endpointOf(flags.endpoint ?? process.env.HF_ENDPOINT);
        const target = targetOf(entry.name);
        context.log(`${entry.repository}, about ${size(entry.sizeBytes)}, licence: ${entry.license ?? "not stated"}`);
        const record = await downloadModel(
          target,
          { repository: entry.repository, folder: entry.folder, revision: flags.revision, sha256: entry.sha256 },
          {
            ...(endpoint !== undefined && { endpoint }),
            ...(process.env.HF_TOKEN !== undefined && { token: process.env.HF_TOKEN }),
            signal: context.signal,
            onProgress: progressLine(context),
          },
        );
        if (context.interactive) process.stderr.write("\r\x1b[K");
        if (context.json) return context.printJson({ ...record, name: entry.name, target });
        context.print(
          `${entry.name} is in ${target} (commit ${record.commit.slice(0, 12)}). Use it with --model ${entry.name}.`,
        );
      }),
    );
}

function requireLicence(entry: CatalogEntry, { acceptLicence }: DownloadFlags): void {
  if (!entry.restricted || acceptLicence === true) return;
  const of =
    entry.license === null ? "states no licence; that of its base holds at least" : `is under the ${entry.license}`;
  throw new ConfigError("models/licence", `${entry.name} ${of}.`, {
    hint: `Read it on the page of ${entry.repository}, then say --accept-licence.`,
  });
}

/** Weights come over an encrypted connection, or from this machine. */
function endpointOf(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLocal = url?.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url?.protocol === "https:" || isLocal) return text.replace(/\/+$/, "");
  throw new ConfigError("models/endpoint", `The endpoint must be an https address, got ${text}.`);
}

function progressLine(context: CliContext) {
  let shown = 0;
  return ({ file, doneBytes, totalBytes }: { file: string; doneBytes: number; totalBytes: number }): void => {
    if (!context.interactive || Date.now() - shown < 200) return;
    shown = Date.now();
    const share = ((100 * doneBytes) / Math.max(1, totalBytes)).toFixed(0);
    process.stderr.write(`\r\x1b[K${share} % of ${size(totalBytes)} · ${file}`);
  };
}

function registerMerge(models: Command): void {
  models
    .command("merge")
    .description("write an adapter and its base as one checkpoint, which transformers loads")
    .argument("<adapter>", "a PEFT adapter folder, or nano or nano-pa-sft")
    .option("--model <base>", "the base; left out for adapters of the embedded one")
    .requiredOption("--output <folder>", "a new folder")
    .addOption(
      new Option("--dtype <type>", "element type of the weights; that of the base when left out").choices([
        "float32",
        "bfloat16",
        "float16",
      ]),
    )
    .action(
      action(async (context, command) => {
        const { model, output, dtype } = command.opts<{ model?: string; output: string; dtype?: "float32" }>();
        const { base: embedded, adapter } = resolveModel(command.args[0]);
        const base = model === undefined ? embedded : resolveModel(model).base;
        if (adapter === null) {
          throw new ConfigError("models/no-adapter", `${command.args[0]} is no adapter, so there is nothing to merge.`);
        }
        const report = await mergeAdapter(base, adapter, resolve(output), dtype);
        if (context.json) return context.printJson({ output: resolve(output), ...report });
        context.print(
          `${report.merged} linears merged, ${report.replaced} parameters replaced, in ${resolve(output)}.`,
        );
      }),
    );
}

interface QuantizeFlags {
  bits: "4" | "8";
  block?: "16" | "32" | "64" | "128";
  output?: string;
  reference?: string;
  data?: string;
  limit: number;
  threads: number;
}

function registerQuantize(program: Command): void {
  program
    .command("quantize")
    .description("a small form of a checkpoint, 4 or 8 bits a weight, made in one pass with little memory and kept")
    .argument("<model>", "a checkpoint folder or a name of `iad-r1 models list`")
    .addOption(new Option("--bits <n>", "bits of a weight").choices(["4", "8"]).default("4"))
    .addOption(
      new Option(
        "--block <n>",
        `weights that share a scale; ${usualBlockSize[4]} with 4 bits and ${usualBlockSize[8]} with 8 when left out`,
      ).choices(["16", "32", "64", "128"]),
    )
    .option("--output <folder>", "where to write it; the store of models when left out")
    .option("--reference <folder>", "measure what is lost on recorded cases (cases.json, images)")
    .option("--data <path>", `measure what is lost on samples with answers: ${DATA_HELP}`)
    .option("--limit <n>", "samples to measure on", integer(1), 16)
    .option("--threads <n>", "threads for measuring; 0 = one per core", integer(0), 0)
    .action(
      action(async (context, command) => {
        const flags = command.opts<QuantizeFlags>();
        const { base, adapter } = resolveModel(command.args[0]);
        if (adapter !== null) {
          throw new ConfigError("quantize/adapter", `${command.args[0]} is an adapter on ${base}.`, {
            hint: "Quantise the base and put the adapter on the small one, or merge first (`iad-r1 models merge`).",
          });
        }
        const bits = Number(flags.bits) as 4 | 8;
        const small = await smallModel(
          base,
          { bits, blockSize: flags.block === undefined ? usualBlockSize[bits] : Number(flags.block) },
          {
            ...(flags.output !== undefined && { target: resolve(flags.output) }),
            signal: context.signal,
            onProgress: (doneBytes, totalBytes) => progressLine(context)({ file: "weights", doneBytes, totalBytes }),
          },
        );
        if (context.interactive) process.stderr.write("\r\x1b[K");
        const examples = await examplesOf(flags, context.signal);
        const loss =
          examples.length === 0
            ? null
            : await quantizationLoss(base, small.folder, examples, {
                ...(flags.threads > 0 && { threads: flags.threads }),
                signal: context.signal,
                onProgress: (done, total) => context.interactive && process.stderr.write(`\r${done}/${total} samples`),
              });
        if (context.interactive) process.stderr.write("\r\x1b[K");
        if (context.json) return context.printJson({ ...small, loss });
        const { made } = small;
        context.print(
          made === null
            ? `It was there already: ${small.folder}`
            : `${made.rounded} matrices in ${flags.bits} bits (the head in 8), ${made.copied} tensors as they were: ` +
                `${size(made.sourceBytes)} became ${size(made.bytes)} in ${small.folder}`,
        );
        if (loss !== null) for (const line of lossLines(loss)) context.print(line);
      }),
    );
}

function lossLines(loss: QuantizationLoss): string[] {
  const { perplexity, divergence, sameBest, logitDrift } = loss;
  const change = 100 * (perplexity.small / perplexity.source - 1);
  return [
    "",
    `measured on ${counted(loss.examples, "sample")}, ${counted(loss.tokens, "token")} of answers:`,
    `  perplexity    ${perplexity.source.toFixed(4)} → ${perplexity.small.toFixed(4)} (${change >= 0 ? "+" : ""}${change.toFixed(2)} %)`,
    `  divergence    ${divergence.toExponential(2)} nats a token`,
    `  same best     ${(100 * sameBest).toFixed(1)} % of tokens`,
    `  logit drift   ${logitDrift.rms.toExponential(2)} rms, ${logitDrift.largest.toExponential(2)} largest`,
  ];
}

async function examplesOf({ reference, data, limit }: QuantizeFlags, signal: AbortSignal): Promise<ReadExample[]> {
  const recorded = reference === undefined ? [] : await recordedExamples(reference);
  if (data === undefined) return recorded;
  const samples = (await samplesOf(data, signal)).slice(0, limit);
  const drawn: ReadExample[] = [];
  for (const sample of samples) {
    const { source, answer } = supervisedExample(sample, { references: 0 });
    const images = await Promise.all(source.pictures.map(({ load }) => load()));
    drawn.push({ messages: source.messages, images, answer });
  }
  return [...recorded, ...drawn];
}

/** The cases of a folder of recorded numbers. @throws DataError `quantize/reference` */
async function recordedExamples(folder: string): Promise<ReadExample[]> {
  let cases: Record<string, { images: string[]; messages: ChatMessage[]; completion: string }>;
  try {
    ({ cases } = JSON.parse(await readFile(join(folder, "cases.json"), "utf8")) as { cases: typeof cases });
  } catch (cause) {
    throw new DataError("quantize/reference", `${folder} has no cases.json that can be read.`, {
      where: folder,
      cause,
    });
  }
  return Promise.all(
    Object.values(cases).map(async ({ images, messages, completion }) => ({
      messages,
      images: await Promise.all(images.map((file) => loadImage(join(folder, "images", basename(file))))),
      answer: completion,
    })),
  );
}
