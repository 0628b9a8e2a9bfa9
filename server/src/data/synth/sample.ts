/**
 * One synthetic inspection picture with its truth. Sample i depends on (seed, i) and the options alone, never on what was
 * made before, and is the same byte for byte on every machine. Words are made in text.ts, files in ../synthDataset.ts.
 */
import { ConfigError } from "@iad-r1/models/errors";
import { createRandom, type Random } from "@iad-r1/models/util/random";
import { LOCATIONS, type Location } from "@iad-r1/protocol/locations";
import { type MaskPlace, placeOfAreas } from "../locations";
import { type Camera, createCamera, develop, exposed } from "./camera";
import { blurPlane, type Canvas, type Cover, clearCover, copyCanvas, Workspace } from "./canvas";
import { type DefectJob, PAINTERS } from "./defects";
import { DEFECT_TYPES, type DefectType } from "./defectTypes";
import { addDistractors, type Distractor } from "./distractors";
import { KIND_IDS, KINDS } from "./kinds";
import { clamp } from "./numeric";
import type { Kind, Scene } from "./scene";

export interface SynthOptions {
  seed: number | string;
  index: number;
  /** Pixels: a square side or both sides; 224 when left out. From 32 to 1024. */
  size?: number | { width: number; height: number };
  /** Kinds to draw from; all when left out. */
  kinds?: readonly string[];
  /** Defect types to draw from; all that suit the kind when left out. */
  defects?: readonly DefectType[];
  /** 0 large and plain to 1 small and faint, or a range; 0.1 to 0.9 when left out. */
  difficulty?: number | readonly [number, number];
  /** Share of anomalous pictures; 0.5 when left out. */
  anomalousShare?: number;
}

export interface SynthImage {
  width: number;
  height: number;
  /** (height, width, 3) RGB bytes. */
  data: Uint8Array;
}

/** What is true about a picture; enough to write any text about it. */
export interface SynthFacts {
  seed: number | string;
  index: number;
  kind: string;
  /** Colour or finish word, maybe "". */
  look: string;
  label: "normal" | "anomalous";
  defectType: DefectType | null;
  location: Location | null;
  locations: Location[];
  /** Share of the defect in the main cell; null when normal. */
  locationShare: number | null;
  /** Share of the picture that the defect covers, 0 when normal. */
  areaShare: number;
  /** The defect is darker (-1), of other colour only (0) or brighter (+1) than what it covers. */
  tone: -1 | 0 | 1;
  /** It covers less than a third of the square around it. */
  elongated: boolean;
  /** Harmless things that were drawn on purpose. */
  distractors: Distractor[];
  /** The camera took no colour. */
  gray: boolean;
}

export interface SynthSample extends SynthFacts {
  image: SynthImage;
  /** (height, width), 255 on the defect and 0 elsewhere; null when normal. */
  mask: Uint8Array | null;
  /** [x0, y0, x1, y1], x1 and y1 exclusive; null when normal. */
  box: [number, number, number, number] | null;
  difficulty: number;
}

/** The picture and the same photograph without the defect; outside the mask both are equal. */
export interface SynthPair {
  sample: SynthSample;
  sound: SynthImage;
}

/**
 * Makes sample `index` of the stream `seed`.
 *
 * @throws ConfigError `synth/options` for an unknown kind, an impossible size or share
 */
export function generateSample(options: SynthOptions): SynthSample {
  return render(options, false).sample;
}

/** The sample together with its sound twin; used to check masks. */
export function generatePair(options: SynthOptions): SynthPair {
  const { sample, sound } = render(options, true);
  return { sample, sound: sound! };
}

/** Another photograph of a sound product of the same design, for one-shot prompts. */
export function generateReference(options: SynthOptions): SynthImage {
  const plan = makePlan(options);
  const work = workspace(plan.width, plan.height);
  const view = createRandom("synth", options.seed, options.index, "reference");
  const target = { x: plan.width * view.next(), y: plan.height * view.next() };
  const scene = renderScene(plan, work, view, target);
  addDistractors(scene, work, view, plan.side);
  const camera = createCamera(view, scene.gray);
  smooth(camera, scene, work);
  return { width: plan.width, height: plan.height, data: develop(camera, scene.canvas) };
}

interface DrawnDefect {
  canvas: Canvas;
  mask: Uint8Array;
  place: MaskPlace;
  type: DefectType;
  tone: -1 | 0 | 1;
}

interface Plan {
  width: number;
  height: number;
  side: number;
  kind: Kind;
  anomalous: boolean;
  type: DefectType;
  cell: number;
  difficulty: number;
  /** Whether the defect must lie clearly in one cell. */
  strict: boolean;
  options: SynthOptions;
}

/** Types that few kinds can show are drawn more often on those, but do not crowd out the others there. */
const TYPE_WEIGHTS = new Map(
  DEFECT_TYPES.map((type) => {
    const kinds = KINDS.filter((kind) => kind.defects.includes(type)).length;
    // kinds to the power of -3/4: between equal types and equal choice within a kind.
    return [type, 1 / Math.sqrt(kinds * Math.sqrt(kinds))];
  }),
);

function makePlan(options: SynthOptions): Plan {
  const size = options.size ?? 224;
  const { width, height } = typeof size === "number" ? { width: size, height: size } : size;
  for (const value of [width, height]) {
    if (!Number.isInteger(value) || value < 32 || value > 1024) {
      throw new ConfigError("synth/options", `Image side must be a whole number from 32 to 1024 pixels, got ${value}.`);
    }
  }
  if (!Number.isSafeInteger(options.index) || options.index < 0) {
    throw new ConfigError("synth/options", `Sample index must be a whole number from 0, got ${options.index}.`);
  }
  const share = options.anomalousShare ?? 0.5;
  const [low, high] =
    typeof options.difficulty === "number"
      ? [options.difficulty, options.difficulty]
      : (options.difficulty ?? [0.1, 0.9]);
  if (!(share >= 0 && share <= 1))
    throw new ConfigError("synth/options", `Anomalous share must be from 0 to 1, got ${share}.`);
  if (!(low >= 0 && high <= 1 && low <= high)) {
    throw new ConfigError(
      "synth/options",
      `Difficulty must be a number or range within 0 to 1, got ${low} to ${high}.`,
    );
  }
  const kinds = chooseKinds(options);
  const random = createRandom("synth", options.seed, options.index, "plan");
  const kind = random.pick(kinds);
  const allowed = kind.defects.filter((type) => options.defects === undefined || options.defects.includes(type));
  return {
    width,
    height,
    side: Math.min(width, height),
    kind,
    type: pickWeighted(random, allowed),
    anomalous: random.next() < share,
    cell: random.int(9),
    difficulty: random.uniform(low, high),
    strict: random.next() < 0.93,
    options,
  };
}

function chooseKinds(options: SynthOptions): readonly Kind[] {
  for (const id of options.kinds ?? []) {
    if (!KIND_IDS.includes(id)) {
      throw new ConfigError("synth/options", `There is no kind "${id}".`, {
        hint: `Known kinds: ${KIND_IDS.join(", ")}.`,
      });
    }
  }
  for (const type of options.defects ?? []) {
    if (!DEFECT_TYPES.includes(type)) {
      throw new ConfigError("synth/options", `There is no defect type "${type}".`, {
        hint: `Known types: ${DEFECT_TYPES.join(", ")}.`,
      });
    }
  }
  const kinds = KINDS.filter(
    (kind) =>
      (options.kinds === undefined || options.kinds.includes(kind.id)) &&
      (options.defects === undefined || kind.defects.some((type) => options.defects!.includes(type))),
  );
  if (kinds.length === 0)
    throw new ConfigError("synth/options", "None of the chosen kinds can show one of the chosen defects.");
  return kinds;
}

function pickWeighted(random: Random, types: readonly DefectType[]): DefectType {
  let total = 0;
  for (const type of types) total += TYPE_WEIGHTS.get(type)!;
  let at = random.next() * total;
  for (const type of types) {
    at -= TYPE_WEIGHTS.get(type)!;
    if (at < 0) return type;
  }
  return types[types.length - 1]!;
}

const workspaces: Workspace[] = [];

/** Buffers of the last few sizes are kept: a stream of samples allocates only what it returns. */
function workspace(width: number, height: number): Workspace {
  let found = workspaces.find((work) => work.width === width && work.height === height);
  if (found === undefined) {
    found = new Workspace(width, height);
    if (workspaces.length >= 4) workspaces.shift();
    workspaces.push(found);
  }
  found.reset();
  return found;
}

function renderScene(plan: Plan, work: Workspace, view: Random, target: { x: number; y: number }): Scene {
  const product = createRandom("synth", plan.options.seed, plan.options.index, "product");
  return plan.kind.render({ width: plan.width, height: plan.height, side: plan.side, work, product, view, target });
}

function smooth(camera: Camera, scene: Scene, work: Workspace): void {
  const { width, height, r, g, b } = scene.canvas;
  const row = work.plane();
  for (let k = 0; k < camera.blurPasses; k++) {
    blurPlane(r, width, height, camera.blurWeight, row);
    if (scene.gray) {
      g.set(r);
      b.set(r);
    } else {
      blurPlane(g, width, height, camera.blurWeight, row);
      blurPlane(b, width, height, camera.blurWeight, row);
    }
  }
}

/** Mean change of a channel below which a defect counts as not to be seen, whatever the difficulty. */
const FAINTEST = 0.07;

/** How far the contrast of a drawn defect may be changed; things with colours of their own keep them. */
const GAINS: Partial<Record<DefectType, readonly [number, number]>> = {
  "foreign object": [0.8, 1.25],
  "missing part": [1, 1],
  notch: [1, 1.1],
  hole: [0.85, 1.1],
  deformation: [0.7, 1.5],
  "surface damage": [0.7, 1.3],
};

interface Shot {
  scene: Scene;
  camera: Camera;
  distractors: Distractor[];
  defect: DrawnDefect | null;
}

/** Scenes tried for one sample before giving up; the second is needed once in some ten thousand samples. */
const SCENES = 8;

/**
 * The scene and, when planned, the defect in it. A scene in which no allowed defect finds a place is photographed anew from
 * elsewhere.
 *
 * @throws ConfigError `synth/options` when no scene can show an allowed defect
 */
function shoot(plan: Plan, work: Workspace): Shot {
  const { seed, index } = plan.options;
  const target = {
    x: (((plan.cell % 3) + 0.5) * plan.width) / 3,
    y: ((Math.floor(plan.cell / 3) + 0.5) * plan.height) / 3,
  };
  for (let turn = 0; turn < SCENES; turn++) {
    work.reset();
    const view = createRandom("synth", seed, index, "view", turn);
    const scene = renderScene(plan, work, view, target);
    const distractors = addDistractors(scene, work, view, plan.side);
    const camera = createCamera(view, scene.gray);
    smooth(camera, scene, work);
    if (!plan.anomalous) return { scene, camera, distractors, defect: null };
    const random = createRandom("synth", seed, index, "defect", turn);
    const defect = drawDefect(plan, scene, camera, work, random);
    if (defect !== null) return { scene, camera, distractors, defect };
  }
  throw new ConfigError("synth/options", `No defect of the chosen types could be drawn on "${plan.kind.id}".`, {
    hint: "Allow more defect types, more kinds or larger pictures.",
  });
}

function render(options: SynthOptions, withSound: boolean): { sample: SynthSample; sound: SynthImage | null } {
  const plan = makePlan(options);
  const { width, height } = plan;
  const { scene, camera, distractors, defect } = shoot(plan, workspace(width, height));
  const image = { width, height, data: develop(camera, defect === null ? scene.canvas : defect.canvas) };
  const sound = withSound ? { width, height, data: develop(camera, scene.canvas) } : null;
  const common = {
    seed: options.seed,
    index: options.index,
    kind: plan.kind.id,
    look: scene.look,
    distractors,
    gray: camera.gray,
    difficulty: plan.difficulty,
    image,
  };
  if (defect === null) {
    const nothing = { mask: null, box: null, defectType: null, location: null, locations: [], locationShare: null };
    return { sample: { ...common, ...nothing, label: "normal", areaShare: 0, tone: 0, elongated: false }, sound };
  }
  const { place } = defect;
  const [x0, y0, x1, y1] = place.box;
  const long = Math.max(x1 - x0, y1 - y0);
  const sample: SynthSample = {
    ...common,
    label: "anomalous",
    defectType: defect.type,
    location: place.location,
    locations: place.locations,
    locationShare: place.share,
    areaShare: place.area / (width * height),
    tone: defect.tone,
    elongated: place.area < 0.3 * long * long,
    mask: defect.mask,
    box: place.box,
  };
  return { sample, sound };
}

/** Tries of one type in the planned cell, then of any type, then anywhere on the product with less contrast asked. */
const PATIENCE = { type: 7, cell: 14, contrast: 28, all: 80 };

/**
 * Draws until the defect can be seen and, for most samples, lies clearly in the planned cell. What is asked for is lowered
 * step by step, and the try with the clearest place is kept; null when nothing could be seen at all.
 */
function drawDefect(plan: Plan, scene: Scene, camera: Camera, work: Workspace, random: Random): DrawnDefect | null {
  const out = work.canvas();
  const touched = work.cover();
  const a = work.cover();
  const b = work.cover();
  copyCanvas(scene.canvas, out);
  const { defects } = plan.options;
  const allowed = plan.kind.defects.filter((type) => defects === undefined || defects.includes(type));
  let type = plan.type;
  let best: DrawnDefect | null = null;
  for (let attempt = 0; attempt < PATIENCE.all; attempt++) {
    if (attempt > 0 && attempt % PATIENCE.type === 0) type = pickWeighted(random, allowed);
    const cell = attempt < PATIENCE.cell ? plan.cell : random.int(9);
    const spot = findSpot(plan, scene, random, cell);
    if (spot === null) continue;
    restore(scene.canvas, out, touched);
    clearCover(touched);
    const shrink = 1 - 0.03 * Math.min(attempt, 10);
    const size = plan.side * (0.36 - 0.27 * plan.difficulty) * random.uniform(0.85, 1.15) * shrink;
    const [cx, cy] = spot;
    const job: DefectJob = {
      scene,
      clean: scene.canvas,
      out,
      touched,
      a,
      b,
      random,
      cx,
      cy,
      size,
      side: plan.side,
      work,
    };
    if (!PAINTERS[type](job)) continue;
    const patience = attempt < PATIENCE.contrast ? 1 : PATIENCE.contrast / attempt / 2;
    const drawn = finish(plan, scene, camera, out, touched, type, patience);
    if (drawn === null) continue;
    const planned = attempt >= PATIENCE.cell || drawn.place.location === LOCATIONS[plan.cell];
    if (!plan.strict || (planned && drawn.place.share >= 0.6)) return drawn;
    if (best === null || drawn.place.share > best.place.share) best = keep(drawn, work, best);
    if (attempt >= PATIENCE.contrast) break;
  }
  return best;
}

/** Copies a drawn defect out of the working canvas, which the next attempt overwrites. */
function keep(drawn: DrawnDefect, work: Workspace, previous: DrawnDefect | null): DrawnDefect {
  const canvas = previous === null ? work.canvas() : previous.canvas;
  copyCanvas(drawn.canvas, canvas);
  return { ...drawn, canvas };
}

function restore(from: Canvas, to: Canvas, cover: Cover): void {
  for (let y = cover.y0; y < cover.y1; y++) {
    const start = y * cover.width + cover.x0;
    const end = y * cover.width + cover.x1;
    to.r.set(from.r.subarray(start, end), start);
    to.g.set(from.g.subarray(start, end), start);
    to.b.set(from.b.subarray(start, end), start);
  }
}

/** A pixel of the product in the cell, away from its border when the product allows. */
function findSpot(plan: Plan, scene: Scene, random: Random, cell: number): [number, number] | null {
  const { width, height } = plan;
  const x0 = ((cell % 3) * width) / 3;
  const y0 = (Math.floor(cell / 3) * height) / 3;
  for (let k = 0; k < 24; k++) {
    const inset = 0.3 - 0.01 * k;
    const x = x0 + (width / 3) * random.uniform(inset, 1 - inset);
    const y = y0 + (height / 3) * random.uniform(inset, 1 - inset);
    if (scene.body === null || scene.body[Math.floor(y) * width + Math.floor(x)]! > 0.9) return [x, y];
  }
  return null;
}

/**
 * Sets the contrast of what was drawn, cuts it to the mask and measures it; null when it cannot be seen well enough.
 * The contrast wanted is a level of its own plus a share of the texture's own variation at that place.
 */
function finish(
  plan: Plan,
  scene: Scene,
  camera: Camera,
  out: Canvas,
  touched: Cover,
  type: DefectType,
  patience: number,
): DrawnDefect | null {
  const { width, height } = plan;
  const clean = scene.canvas;
  const mask = new Uint8Array(width * height);
  const areas = new Array<number>(9).fill(0);
  let bx0 = width;
  let by0 = height;
  let bx1 = 0;
  let by1 = 0;
  let change = 0;
  let signed = 0;
  let mean = 0;
  let square = 0;
  let count = 0;
  const gray = scene.gray;
  for (let y = touched.y0; y < touched.y1; y++) {
    const row = 3 * Math.floor((3 * y) / height);
    for (let x = touched.x0; x < touched.x1; x++) {
      const i = y * width + x;
      const dr = out.r[i]! - clean.r[i]!;
      const dg = out.g[i]! - clean.g[i]!;
      const db = out.b[i]! - clean.b[i]!;
      const size = Math.abs(dr) + Math.abs(dg) + Math.abs(db);
      if (touched.data[i]! < 0.25 || (type !== "stain" && type !== "color anomaly" && size < 0.03)) continue;
      const light = gray ? clean.r[i]! : 0.3 * clean.r[i]! + 0.59 * clean.g[i]! + 0.11 * clean.b[i]!;
      mask[i] = 255;
      areas[row + Math.floor((3 * x) / width)]!++;
      change += size / 3;
      signed += 0.3 * dr + 0.59 * dg + 0.11 * db;
      mean += light;
      square += light * light;
      count++;
      if (x < bx0) bx0 = x;
      if (x >= bx1) bx1 = x + 1;
      if (y < by0) by0 = y;
      by1 = y + 1;
    }
  }
  const smallest = Math.max(6, 0.0006 * width * height);
  if (count < smallest) return null;
  const place = placeOfAreas(areas, [bx0, by0, bx1, by1]);
  change /= count;
  signed /= count;
  mean /= count;
  const deviation = Math.sqrt(Math.max(0, square / count - mean * mean));
  const wanted = 0.3 - 0.17 * plan.difficulty + 0.45 * Math.min(deviation, 0.25);
  const fixed = type === "crack" && scene.crack === "split";
  const [weakest, most] = fixed ? [1, 1] : (GAINS[type] ?? [0.55, 2.4]);
  const least = fixed || type in GAINS ? 0.4 : 0.62;
  const gain = clamp(wanted / Math.max(change, 1e-6), weakest, most);
  let reached = 0;
  for (let y = touched.y0; y < touched.y1; y++) {
    for (let x = touched.x0; x < touched.x1; x++) {
      const i = y * width + x;
      if (mask[i] === 0) {
        out.r[i] = clean.r[i]!;
        out.g[i] = clean.g[i]!;
        out.b[i] = clean.b[i]!;
        continue;
      }
      const dr = clamp(clean.r[i]! + gain * (out.r[i]! - clean.r[i]!), 0, 1) - clean.r[i]!;
      const dg = clamp(clean.g[i]! + gain * (out.g[i]! - clean.g[i]!), 0, 1) - clean.g[i]!;
      const db = clamp(clean.b[i]! + gain * (out.b[i]! - clean.b[i]!), 0, 1) - clean.b[i]!;
      out.r[i] = clean.r[i]! + dr;
      out.g[i] = clean.g[i]! + dg;
      out.b[i] = clean.b[i]! + db;
      reached += seenChange(camera, clean, i, dr, dg, db);
    }
  }
  if (reached / (3 * count) < Math.max(FAINTEST, least * wanted * patience) || place === null) return null;
  const tone = signed > 0.25 * change ? 1 : signed < -0.25 * change ? -1 : 0;
  return { canvas: out, mask, place, type, tone };
}

/** Sum over the channels of what the camera leaves of a change at pixel i, in even light. */
function seenChange(camera: Camera, clean: Canvas, i: number, dr: number, dg: number, db: number): number {
  const r = clean.r[i]!;
  const g = clean.g[i]!;
  const b = clean.b[i]!;
  if (camera.gray) {
    const value = 0.3 * r + 0.59 * g + 0.11 * b;
    const change = 0.3 * dr + 0.59 * dg + 0.11 * db;
    return 3 * Math.abs(exposed(camera, 1, value + change) - exposed(camera, 1, value));
  }
  return (
    Math.abs(exposed(camera, 0, r + dr) - exposed(camera, 0, r)) +
    Math.abs(exposed(camera, 1, g + dg) - exposed(camera, 1, g)) +
    Math.abs(exposed(camera, 2, b + db) - exposed(camera, 2, b))
  );
}
