/** A snapshot of an experiment file with what is known about it. */
import { dirname } from "node:path";
import { TextLines } from "@iad-r1/models/util/textLines";
import { type ParsedExperiment, parseExperiment } from "../../config/parseExperiment";
import { YamlTree } from "../../config/yamlTree";

export class ConfigDocument {
  readonly kind = "config";
  readonly folder: string;
  readonly lines: TextLines;
  private checked: ParsedExperiment | null = null;

  private constructor(
    readonly path: string,
    readonly text: string,
    readonly tree: YamlTree,
  ) {
    this.folder = dirname(path);
    this.lines = new TextLines(text);
  }

  static open(path: string, text: string, previous?: ConfigDocument): ConfigDocument {
    return new ConfigDocument(path, text, YamlTree.read(text, previous?.tree));
  }

  /** Problems and advice, and the configuration when there is no problem. */
  get parsed(): ParsedExperiment {
    this.checked ??= parseExperiment(this.text, { folder: this.folder, tree: this.tree, tolerant: true });
    return this.checked;
  }
}
