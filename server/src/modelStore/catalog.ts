/**
 * The models that this project is about: the seven bases of the paper and what its authors published of them. Names, places and
 * licences only. Numbers of parameters are those of the shapes in bench/realShapes.ts, which a test compares; sizes are two bytes a weight.
 * Repositories, licences and these shapes were written down without a connection and are not verified against the hub; hashes of weight files are not known here
 * and come from the server when a model is downloaded, over a connection that names the server.
 */

export interface CatalogEntry {
  /** What commands call it. */
  name: string;
  /** Of the Hugging Face hub. */
  repository: string;
  /** Folder of the repository, where one repository holds several models. */
  folder: string | null;
  /** The base that a published IAD-R1 checkpoint was trained from, by name. */
  base: string | null;
  /** Numbers in the checkpoint. */
  parameters: number;
  /** About; weights in half precision. Null where it has not been published. */
  sizeBytes: number | null;
  /** As the repository states it; null where it states none that we know of. */
  license: string | null;
  /** A licence with conditions that a person has to accept before a download. */
  restricted: boolean;
  /** SHA-256 of files, as far as known. */
  sha256: Readonly<Record<string, string>>;
}

const base = (
  name: string,
  repository: string,
  parameters: number,
  license: string,
  options: { restricted?: boolean; sha256?: Record<string, string> } = {},
): CatalogEntry => ({
  ...{ name, repository, folder: null, base: null, parameters, sizeBytes: 2 * parameters, license },
  ...{ restricted: options.restricted ?? false, sha256: options.sha256 ?? {} },
});

const bases: readonly CatalogEntry[] = [
  base("llava-onevision-si-0.5b", "llava-hf/llava-onevision-qwen2-0.5b-si-hf", 893_675_552, "Apache-2.0"),
  base("llava-onevision-si-7b", "llava-hf/llava-onevision-qwen2-7b-si-hf", 8_030_807_584, "Apache-2.0"),
  base("qwen2-vl-2b", "Qwen/Qwen2-VL-2B-Instruct", 2_208_985_600, "Apache-2.0"),
  base("qwen2.5-vl-3b", "Qwen/Qwen2.5-VL-3B-Instruct", 3_754_622_976, "Qwen Research License (no commercial use)", {
    restricted: true,
  }),
  base("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", 8_292_166_656, "Apache-2.0"),
  base("llava-1.5-7b", "llava-hf/llava-1.5-7b-hf", 7_063_427_072, "Llama 2 Community License", {
    restricted: true,
    sha256: { "tokenizer.model": "9e556afd44213b6bd1be2b850ebbbd98f5481437a8021afaf58ee7fb1818d347" },
  }),
  base("llava-1.6-mistral-7b", "llava-hf/llava-v1.6-mistral-7b-hf", 7_566_747_648, "Apache-2.0", {
    sha256: { "tokenizer.model": "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055" },
  }),
];

/** The folders of the authors' two repositories, as the page of their project names them. */
const publishedFolders: readonly [base: string, original: string, update: string][] = [
  ["llava-onevision-si-0.5b", "IAD-R1(LLaVA-OneVision-Si-0.5B)", "IAD-R1(LLaVA-OneVision-SI-0.5B)"],
  ["llava-onevision-si-7b", "IAD-R1(LLaVA-OneVision-SI-7B)", "IAD-R1(LLaVA-OneVision-SI-7B)"],
  ["qwen2-vl-2b", "IAD-R1(Qwen2-VL-Instruct-2B)", "IAD-R1(Qwen2-VL-Instruct-2B)"],
  ["qwen2.5-vl-3b", "IAD-R1(Qwen2.5-VL-Instruct-3B)", "IAD-R1(Qwen2.5-VL-Instruct-3B)"],
  ["qwen2.5-vl-7b", "IAD-R1(Qwen2.5-VL-Instruct-7B)", "IAD-R1(Qwen2.5-VL-Instruct-7B)"],
  ["llava-1.5-7b", "IAD-R1(LLaVA-1.5)", "IAD-R1(LLaVA-1.5)"],
  ["llava-1.6-mistral-7b", "IAD-R1(LLaVA-1.6)", "IAD-R1(LLaVA-1.6)"],
];

const published = publishedFolders.flatMap(([of, original, update]) =>
  [
    { name: `iad-r1-${of}`, repository: "yanhui01/IAD-R1", folder: original },
    { name: `iad-r1-update-${of}`, repository: "yanhui01/IAD-R1-UPDATE", folder: update },
  ].map((place): CatalogEntry => {
    const { parameters } = bases.find(({ name }) => name === of)!;
    // The licence of the weights is not stated; that of the base goes on to hold.
    return { ...place, base: of, parameters, sizeBytes: null, license: null, restricted: true, sha256: {} };
  }),
);

export const catalog: readonly CatalogEntry[] = [...bases, ...published];

/** A catalogue entry by its name or by its repository (and folder). */
export function catalogEntry(name: string): CatalogEntry | undefined {
  return catalog.find(
    (entry) =>
      entry.name === name ||
      (entry.folder === null ? entry.repository : `${entry.repository}/${entry.folder}`) === name,
  );
}
