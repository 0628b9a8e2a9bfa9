/** Machine checks, projects and data sets as plain data. Imports only other protocol files. */
import type { ImageReference } from "./inspect";

/** One thing that was looked at, with evidence and a cure. "optional": missing, and only some features need it. */
export interface MachineCheck {
  name: string;
  status: "ok" | "optional" | "problem";
  /** What was found, with numbers. */
  evidence: string;
  cure: string | null;
}

export interface SampleProject {
  folder: string;
  configFile: string;
  /** Folder of the pictures with annotations.jsonl. */
  dataFolder: string;
  /** A picture with a clear defect, to be opened first. */
  firstImage: string;
  /** Paths of the files that were written. */
  written: string[];
}

/** What the Quick Picks of a new run ask for. */
export interface ConfigChoices {
  project: string;
  kind: "pa-sft" | "sc-grpo" | "post-train";
  /** Folder of the checkpoint, or an embedded model's name: training starts from its base. */
  model: string;
  adapter?: string;
  /** Training data: a path with its layout, or generated pictures. */
  train: DataSourceReference | { kind: "synth"; seed: number; count: number };
  heldOut?: DataSourceReference | { kind: "synth"; seed: number; count: number };
  trainable: "lora" | "language" | "all";
  paSftSteps?: number;
  scGrpoSteps?: number;
  /** Folder of the file to be written: paths inside it become relative to it. */
  folder: string;
}

/** A data set on disk. */
export interface DataSourceReference {
  path: string;
  /** Found out from the files when left out. */
  kind?: "folder" | "pa-sft" | "sc-grpo" | "test" | "mvtec";
}

export interface DataOverview {
  path: string;
  kind: string;
  numSamples: number;
  numNormal: number;
  numAnomalous: number;
  categories: { name: string; normal: number; anomalous: number }[];
  /** At most 200 of them; `numProblems` counts all. */
  problems: {
    severity: "error" | "warning";
    code: string;
    message: string;
    file: string | null;
    line: number | null;
  }[];
  numProblems: number;
}

export interface DataPageParams extends DataSourceReference {
  offset?: number;
  /** At most 1,000; default 200. */
  limit?: number;
}

export interface DataPage {
  total: number;
  samples: DataSample[];
}

/** One labelled picture. */
export interface DataSample {
  id: string;
  /** Absolute path. */
  image: string;
  references: string[];
  category: string;
  label: "normal" | "anomalous";
  defectType: string | null;
  /** All phrases for the place that count as right. */
  locations: string[];
  /** Absolute path of the ground-truth mask. */
  mask: string | null;
}

/** A data set to be copied into a project. */
export interface ImportParams {
  /**
   * A folder (annotations.jsonl or MVTec-style), a JSON file of any known layout, a CSV file with a column `image`, or LLaMA-Factory's
   * dataset_info.json.
   */
  path: string;
  /** With dataset_info.json: which of its data sets; the only one when left out. */
  name?: string;
  /** The new folder. */
  folder: string;
}

export interface ImportedData {
  folder: string;
  numSamples: number;
  /** At most 200; such records were left out. */
  problems: DataOverview["problems"];
  numProblems: number;
}

/** A corrected inspection, to be kept as training data. */
export interface ExpertSample {
  /** The JSON file to add to. */
  file: string;
  image: ImageReference;
  references?: ImageReference[];
  think: string;
  answer: "yes" | "no";
  /** With the answer "yes". */
  location?: string;
  type?: string;
}

/** Who uses data: both stages or one of them to learn, the choice of a checkpoint, the test. */
export type DataSplit = "train" | "paSft" | "scGrpo" | "validation" | "heldOut";

/** A data set of an experiment: every source with the same path, or the same seed. */
export interface ProjectDataSet {
  name: string;
  kind: string;
  /** Absolute; null for generated pictures. */
  path: string | null;
  splits: DataSplit[];
  normal: number;
  anomalous: number;
  classes: {
    name: string;
    normal: number;
    anomalous: number;
    splits: { split: DataSplit; normal: number; anomalous: number }[];
  }[];
  /** Files that are named and are not there. */
  missingFiles: number;
  numProblems: number;
  /** Why nothing of it can be read; null when it can. */
  failure: string | null;
}

export interface ProjectData {
  sets: ProjectDataSet[];
  /** Pictures that are trained on and tested with. */
  numShared: number;
}

/** Two pictures that are the same, or nearly. */
export interface SimilarPictures {
  a: string;
  b: string;
  /** Bit for bit the same file. */
  isSame: boolean;
  splits: [DataSplit, DataSplit];
}

/** At most 500 pairs each; the counts are of all. */
export interface ProjectLeaks {
  /** Trained on under one name and tested with under the other. */
  leaks: SimilarPictures[];
  numLeaks: number;
  /** Twice in one split. */
  duplicates: SimilarPictures[];
  numDuplicates: number;
  unreadable: { image: string; message: string }[];
}
