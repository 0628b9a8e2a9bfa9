/** `iad-r1 project …`: an experiment file from a few choices, or a whole project to play with. */
import { resolve } from "node:path";
import type { ConfigChoices } from "@iad-r1/protocol/project";
import { type Command, InvalidArgumentError, Option } from "commander";
import { composeConfig, createProject, createSampleProject, minSampleImages } from "../../config/composeConfig";
import { embeddedBaseName, embeddedModels } from "../../config/modelNames";
import { action } from "../action";
import { integer } from "../numberOption";
import { shellWord } from "../terminalText";

const KINDS = ["post-train", "pa-sft", "sc-grpo"] as const;
const TRAINABLE = ["lora", "language", "all"] as const;
type Source = ConfigChoices["train"];

export function registerProjectCommands(program: Command): void {
  const project = program.command("project").description("begin an experiment");

  project
    .command("sample")
    .description(
      "write an experiment with generated pictures, masks and reasoning into a folder, and rewards with faults to find, to play with",
    )
    .argument("[folder]", "an empty or new folder", ".")
    .option("--images <n>", "number of pictures", integer(minSampleImages), 200)
    .action(
      action(async (context, command) => {
        const { images } = command.opts<{ images: number }>();
        const sample = await createSampleProject(command.processedArgs[0] as string, images, context.signal);
        if (context.json) return context.printJson(sample);
        context.print(`Experiment: ${sample.configFile}\nPictures:   ${sample.dataFolder}`);
        const [picture, experiment] = [shellWord(sample.firstImage), shellWord(sample.configFile)];
        context.log(`\nNext: iad-r1 inspect ${picture}\n      iad-r1 post-train ${experiment}`);
      }),
    );

  project
    .command("create")
    .description("write an iadr1.yaml for your own data, with a comment above every line")
    .argument("[folder]", "folder of the file", ".")
    .requiredOption("--train <data>", "training data: a data set, or synth:SEED:COUNT", source)
    .option("--held-out <data>", "pictures that nothing trains on, to test with", source)
    .option("--name <name>", "name of the experiment", "inspection")
    .option("--model <folder>", "a checkpoint folder, or an embedded model", embeddedBaseName)
    .option("--adapter <folder>", "a PEFT adapter to start from")
    .addOption(new Option("--stages <which>", "what to train").choices(KINDS).default("post-train"))
    .addOption(new Option("--trainable <what>", "what learns").choices(TRAINABLE).default("lora"))
    .option("--pa-sft-steps <n>", "steps of stage 1; one pass over the data when left out", integer(1))
    .option("--sc-grpo-steps <n>", "steps of stage 2; one pass over the data when left out", integer(1))
    .option("--print", "print the text instead of writing a file")
    .action(
      action(async (context, command) => {
        const options = command.opts<Options>();
        const choices = choicesOf(resolve(command.processedArgs[0] as string), options);
        if (options.print === true) {
          const text = await composeConfig(choices);
          if (context.json) context.printJson({ text });
          else context.print(text.trimEnd());
          return;
        }
        const configFile = await createProject(choices);
        if (context.json) return context.printJson({ configFile });
        context.print(configFile);
        const stages = options.stages === "post-train" ? "post-train" : `train ${options.stages}`;
        context.log(`\nNext: iad-r1 ${stages} ${shellWord(configFile)}`);
      }),
    );
}

interface Options {
  train: Source;
  heldOut?: Source;
  name: string;
  model: string;
  adapter?: string;
  stages: (typeof KINDS)[number];
  trainable: (typeof TRAINABLE)[number];
  paSftSteps?: number;
  scGrpoSteps?: number;
  print?: boolean;
}

/** Paths on the command line start from where the person is, not from the folder of the file. */
function choicesOf(folder: string, options: Options): ConfigChoices {
  const { train, heldOut, name, model, adapter, stages, trainable, paSftSteps, scGrpoSteps } = options;
  return {
    ...{ project: name, kind: stages, trainable, train, folder },
    model: embeddedModels.has(model) ? model : resolve(model),
    ...(adapter === undefined ? {} : { adapter: resolve(adapter) }),
    ...(heldOut === undefined ? {} : { heldOut }),
    ...(paSftSteps === undefined ? {} : { paSftSteps }),
    ...(scGrpoSteps === undefined ? {} : { scGrpoSteps }),
  };
}

function source(value: string): Source {
  const synth = /^synth:(\d+):(\d+)$/.exec(value);
  if (synth === null) {
    if (value.startsWith("synth:")) throw new InvalidArgumentError("expected synth:SEED:COUNT, such as synth:7:200.");
    return { path: resolve(value) };
  }
  return { kind: "synth", seed: Number(synth[1]), count: Number(synth[2]) };
}
