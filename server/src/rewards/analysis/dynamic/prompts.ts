/** RW124: does the model see in training what it sees in use? Rendered prompts, places that were not filled, asked-for tags, numbers of pictures. */
import { createHash } from "node:crypto";
import { counted } from "@iad-r1/models/util/counted";
import { type Detector, type Examination, findingAbout, percent, quote } from "../examination";
import type { Finding } from "../finding";
import { promptText } from "../probes";

export const findPromptMismatch: Detector = (examination) => {
  const [named] = examination.functions;
  if (named === undefined) return [];
  const found = [otherHash, unfilled, otherTags, otherPictures].flatMap((detect) => detect(examination));
  return found.slice(0, 1);
};

/** `{Question}` as a template writes it. `\boxed{…}` and JSON are something else. */
const placeholder = /(?<![\w\\])\{\{?\s*(?:question|problem|prompt|query|instruction|input)\s*\}?\}/i;

/** The name of a place of the template went to the model instead of what belongs there. */
function unfilled({ rows, functions }: Examination): Finding[] {
  const found = rows.flatMap((row, i) => {
    const place = placeholder.exec(promptText(row.prompt))?.[0];
    return place === undefined ? [] : [{ i, place }];
  });
  if (found.length === 0) return [];
  const { i, place } = found[0]!;
  return [
    findingAbout(
      functions[0]!,
      "RW124",
      `The prompt of ${counted(found.length, "completion")} of ${rows.length} says ${place} as it stands in a template: the model was asked with a place that was never filled. Fill it wherever the prompt is rendered, or take it out of the template.`,
      {
        rows: found.map((one) => one.i),
        numbers: { unfilled: found.length, rows: rows.length },
        text: quote(promptText(rows[i]!.prompt), 200),
      },
    ),
  ];
}

/** Today's prompts against the hashes of the run: by whoever rendered them anew, else by the recorded text. */
function otherHash({ rows, functions, promptHashes }: Examination): Finding[] {
  const compared = rows.flatMap((row, i) => {
    // A run's own record keeps it apart from the columns of the data.
    const recorded = row.recorded?.promptHash ?? row.columns.promptHash;
    if (typeof recorded !== "string") return [];
    const now =
      row.sampleId !== undefined && promptHashes?.has(row.sampleId)
        ? promptHashes.get(row.sampleId)!
        : typeof row.prompt === "string" && row.prompt !== ""
          ? createHash("sha256").update(row.prompt).digest("hex")
          : null;
    return now === null ? [] : [{ i, same: now === recorded }];
  });
  const changed = compared.filter(({ same }) => !same);
  if (changed.length === 0) return [];
  const example = rows[changed[0]!.i]!;
  return [
    findingAbout(
      functions[0]!,
      "RW124",
      `The prompt of ${counted(changed.length, "completion")} of ${compared.length} is not the one the run used: rendered today it has another hash${example.sampleId === undefined ? "" : ` (sample ${example.sampleId})`}. Template, tags, question or number of pictures changed since; render both and compare them before trusting these scores.`,
      {
        rows: changed.map(({ i }) => i),
        numbers: { changed: changed.length, compared: compared.length },
        text: promptText(example.prompt).slice(0, 200),
      },
    ),
  ];
}

const tagPattern = /<([a-z][\w-]*)>/gi;
/** Names in angle brackets that are not asked of the model. */
const otherNames = new Set(["image", "img", "video", "s", "pad", "unk", "bos", "eos", "start_of_turn", "end_of_turn"]);
const minRowsWithTags = 8;
const hardlyEver = 0.02;

function tagsIn(text: string): Set<string> {
  return new Set(
    [...text.matchAll(tagPattern)].map((match) => match[1]!.toLowerCase()).filter((name) => !otherNames.has(name)),
  );
}

/** The prompt asks for some tags, the reward looks for others, and the model follows the prompt. */
function otherTags({ rows, functions, program }: Examination): Finding[] {
  const asked = rows.map(({ prompt }) => tagsIn(promptText(prompt)));
  const withTags = asked.flatMap((names, i) => (names.size > 0 ? [i] : []));
  if (withTags.length < Math.max(minRowsWithTags, rows.length / 2)) return [];
  const askedNames = new Set(withTags.flatMap((i) => [...asked[i]!]));
  return functions.flatMap((scored): Finding[] => {
    const body = program.source.slice(...scored.declaration.bodySpan);
    // Only tags that also close are elements; `<` may be a comparison.
    const wanted = [...tagsIn(body)].filter((name) => new RegExp(`</\\s*${name}>|<\\\\?/${name}>`, "i").test(body));
    const missing = wanted.filter((name) => !askedNames.has(name));
    if (missing.length === 0) return [];
    const written = rows.filter(({ completion }) =>
      missing.some((name) => completion.toLowerCase().includes(`<${name}>`)),
    ).length;
    if (written / rows.length >= hardlyEver) return [];
    return [
      findingAbout(
        scored,
        "RW124",
        `${scored.declaration.name} looks for ${missing.map((name) => `<${name}>`).join(", ")}, but no prompt asks for that (the prompts name ${[
          ...askedNames,
        ]
          .slice(0, 6)
          .map((name) => `<${name}>`)
          .join(
            ", ",
          )}) and ${written === 0 ? "no completion has" : `only ${percent(written / rows.length)} of the completions have`} it. Ask for the tags that are paid, or read the tags that are asked for.`,
        {
          rows: withTags,
          numbers: { missingTags: missing.length, completionsWithTags: written },
          text: quote(promptText(rows[withTags[0]!]!.prompt), 200),
        },
      ),
    ];
  });
}

/** Pictures in the prompt against pictures of the data row. */
function otherPictures({ rows, functions }: Examination): Finding[] {
  const wrong = rows.flatMap((row, i) => {
    const shown = picturesIn(row.prompt);
    const images = row.columns.images ?? row.columns.image;
    const given = Array.isArray(images) ? images.length : typeof images === "string" && images !== "" ? 1 : null;
    return shown === 0 || given === null || shown === given ? [] : [{ i, shown, given }];
  });
  if (wrong.length === 0) return [];
  const { shown, given } = wrong[0]!;
  return [
    findingAbout(
      functions[0]!,
      "RW124",
      `The prompt of ${counted(wrong.length, "completion")} shows another number of pictures than the data row has (${shown} in the prompt, ${given} in the row). Training and use would not see the same; correct the template or the row.`,
      { rows: wrong.map(({ i }) => i), numbers: { rows: wrong.length, shown, given } },
    ),
  ];
}

function picturesIn(prompt: unknown): number {
  const parts = Array.isArray(prompt)
    ? prompt.flatMap((message: unknown) =>
        typeof message === "object" && message !== null && "content" in message && Array.isArray(message.content)
          ? (message.content as unknown[])
          : [],
      )
    : [];
  const inParts = parts.filter(
    (part) =>
      typeof part === "object" &&
      part !== null &&
      "type" in part &&
      (part.type === "image" || part.type === "image_url"),
  ).length;
  return inParts > 0 ? inParts : (promptText(prompt).match(/<image>/g)?.length ?? 0);
}
