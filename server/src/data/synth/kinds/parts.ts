/** Kinds that are single parts on a ground: washer, gear, nut, tablets, bottle mouth, threaded bar, biscuit, cable, connector. */
import {
  type Canvas,
  type Cover,
  coverBox,
  coverEllipse,
  coverSegment,
  lighten,
  paint,
  type Rgb,
  scaleRgb,
  tint,
} from "../canvas";
import { angleTurns, bell, clamp, cosTurns, noise, sinTurns, smoothstep } from "../numeric";
import {
  backdrop,
  coordinates,
  dropShadow,
  type Element,
  frameNoise,
  frameOf,
  type Kind,
  metalColor,
  namedColor,
  noisePlane,
  type Pose,
  poseRound,
  type Stage,
  scene,
  shadePaint,
} from "../scene";

/** The canvas with its ground, a copy of the ground to show through gaps, and a cover to draw the part's outline in. */
function onGround(
  stage: Stage,
  part: readonly Rgb[],
  value?: readonly [number, number],
): { canvas: Canvas; background: Canvas; body: Cover } {
  const { canvas: background } = backdrop(stage, part, value);
  const canvas = stage.work.canvas();
  canvas.r.set(background.r);
  canvas.g.set(background.g);
  canvas.b.set(background.b);
  return { canvas, background, body: stage.work.cover() };
}

/** Removes `hole` from `body`: coverage · (1 - hole). */
function cut(body: Cover, hole: Cover): void {
  for (let y = hole.y0; y < hole.y1; y++) {
    for (let i = y * body.width + hole.x0, end = y * body.width + hole.x1; i < end; i++) {
      body.data[i] = body.data[i]! * (1 - hole.data[i]!);
    }
  }
}

/** A turned, machined face: concentric lines, a highlight that turns with the light, a bevel at each radius in `steps`. */
function turnedFace(stage: Stage, pose: Pose, steps: readonly number[]): Float32Array {
  const { product, view, width, height } = stage;
  const shade = stage.work.plane();
  const lines = product.uniform(20, 70);
  const depth = product.uniform(0.02, 0.1);
  const shine = product.uniform(0.05, 0.3);
  const lobes = 1 + product.int(2);
  const turn = view.next();
  const seed = view.uniform(0, 200);
  const reach = pose.radius * 1.3;
  const x0 = Math.max(0, Math.floor(pose.cx - reach));
  const x1 = Math.min(width, Math.ceil(pose.cx + reach));
  const y1 = Math.min(height, Math.ceil(pose.cy + reach));
  for (let y = Math.max(0, Math.floor(pose.cy - reach)); y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const dx = (x - pose.cx) / pose.radius;
      const dy = (y - pose.cy) / pose.radius;
      const rho = Math.sqrt(dx * dx + dy * dy);
      const angle = angleTurns(dy, dx);
      let s = depth * noise(rho * lines, seed + 3 * angle) + shine * cosTurns(lobes * angle + turn);
      for (let k = 0; k < steps.length; k++) {
        s += 0.45 * bell((rho - steps[k]!) / 0.05) * cosTurns(angle - turn) * (k & 1 ? -1 : 1);
      }
      shade[y * width + x] = s;
    }
  }
  return shade;
}

const washer: Kind = {
  id: "washer",
  nouns: ["washer", "metal ring", "stamped disc"],
  surface: "face",
  sound: ["the ring is round and whole", "the edge is clean", "the face is even all around"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "notch",
    "deformation",
    "crack",
    "surface damage",
    "wear",
    "pitting",
  ],
  render(stage) {
    const { product, view } = stage;
    const metal = metalColor(product);
    const { canvas, background, body } = onGround(stage, [metal.rgb]);
    const pose = poseRound(stage, 0.36, 0.56);
    const bore = product.uniform(0.22, 0.48);
    const squash = view.uniform(0.94, 1);
    dropShadow(canvas, pose, 0.35, view.uniform(-0.05, 0.05) * pose.radius, 0.05 * pose.radius);
    coverEllipse(body, pose.cx, pose.cy, pose.radius, pose.radius * squash, 1, 0, 1.3);
    const hole = stage.work.cover();
    coverEllipse(hole, pose.cx, pose.cy, pose.radius * bore, pose.radius * bore * squash, 1, 0, 1.3);
    cut(body, hole);
    if (product.next() < 0.35) {
      // Lightening holes belong to the design.
      const holes = stage.work.cover();
      const count = 3 + product.int(5);
      const at = ((1 + bore) / 2) * pose.radius;
      const size = (1 - bore) * pose.radius * product.uniform(0.14, 0.22);
      for (let k = 0; k < count; k++) {
        const t = pose.turns + k / count;
        coverEllipse(holes, pose.cx + at * cosTurns(t), pose.cy + at * sinTurns(t) * squash, size, size, 1, 0, 1.3);
      }
      cut(body, holes);
    }
    const steps = product.next() < 0.5 ? [0.97, bore + 0.03] : [0.97, bore + 0.03, product.uniform(0.6, 0.85)];
    shadePaint(canvas, body, metal.rgb, turnedFace(stage, pose, steps));
    return scene(canvas, {
      body: body.data,
      background,
      inner: [0.1, 0.1, 0.1],
      grain: [cosTurns(pose.turns), sinTurns(pose.turns)],
      look: metal.name,
    });
  },
};

const gear: Kind = {
  id: "gear",
  nouns: ["gear", "gear wheel", "toothed wheel"],
  surface: "teeth",
  sound: ["all teeth are there and equal", "the teeth are whole", "no tooth is broken or worn"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "notch",
    "missing part",
    "crack",
    "surface damage",
    "wear",
    "pitting",
  ],
  element: "a tooth",
  render(stage) {
    const { product, width, height } = stage;
    const metal = product.next() < 0.7 ? metalColor(product) : namedColor(product);
    const { canvas, background, body } = onGround(stage, [metal.rgb]);
    const pose = poseRound(stage, 0.38, 0.55);
    const teeth = 10 + product.int(22);
    const tooth = product.uniform(0.1, 0.2);
    const sharp = product.uniform(1.5, 3);
    dropShadow(canvas, pose, 0.3, 0.03 * pose.radius, 0.05 * pose.radius);
    const reach = pose.radius + 2;
    const x0 = Math.max(0, Math.floor(pose.cx - reach));
    const x1 = Math.min(width, Math.ceil(pose.cx + reach));
    const y0 = Math.max(0, Math.floor(pose.cy - reach));
    const y1 = Math.min(height, Math.ceil(pose.cy + reach));
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const dx = x - pose.cx;
        const dy = y - pose.cy;
        const rho = Math.sqrt(dx * dx + dy * dy);
        const wave = clamp(sharp * sinTurns(angleTurns(dy, dx) * teeth + pose.turns), -1, 1);
        body.data[y * width + x] = clamp(pose.radius * (1 - tooth / 2 + (tooth / 2) * wave) - rho + 0.5, 0, 1);
      }
    }
    [body.x0, body.y0, body.x1, body.y1] = [x0, y0, x1, y1];
    const bore = product.uniform(0.14, 0.28);
    const holes = stage.work.cover();
    coverEllipse(holes, pose.cx, pose.cy, pose.radius * bore, pose.radius * bore, 1, 0, 1.3);
    if (product.next() < 0.5) {
      const count = 3 + product.int(4);
      for (let k = 0; k < count; k++) {
        const t = pose.turns + k / count;
        const at = pose.radius * 0.55;
        coverEllipse(
          holes,
          pose.cx + at * cosTurns(t),
          pose.cy + at * sinTurns(t),
          pose.radius * 0.1,
          pose.radius * 0.1,
          1,
          0,
          1.3,
        );
      }
    }
    cut(body, holes);
    shadePaint(canvas, body, metal.rgb, turnedFace(stage, pose, [bore + 0.04, 1 - tooth - 0.05]));
    const elements: Element[] = [];
    for (let k = 0; k < teeth; k++) {
      const t = (k + 0.25 - pose.turns) / teeth;
      const at = pose.radius * (1 - tooth * 0.4);
      elements.push({
        x: pose.cx + at * cosTurns(t),
        y: pose.cy + at * sinTurns(t),
        rx: pose.radius * tooth * 0.75,
        ry: (pose.radius / teeth) * 2.6,
        cos: cosTurns(t),
        sin: sinTurns(t),
      });
    }
    return scene(canvas, { body: body.data, background, inner: [0.1, 0.1, 0.1], look: metal.name, elements });
  },
};

const hexNut: Kind = {
  id: "hex_nut",
  nouns: ["hex nut", "nut", "bolt head"],
  surface: "edges",
  sound: ["the six sides are straight", "the edges are sharp and whole", "the face is clean"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "notch",
    "crack",
    "surface damage",
    "wear",
    "pitting",
  ],
  render(stage) {
    const { product, width, height } = stage;
    const metal = metalColor(product);
    const { canvas, background, body } = onGround(stage, [metal.rgb]);
    const pose = poseRound(stage, 0.36, 0.52);
    dropShadow(canvas, pose, 0.35, 0.04 * pose.radius, 0.06 * pose.radius);
    const normals: number[] = [];
    for (let k = 0; k < 6; k++) normals.push(cosTurns(pose.turns + k / 6), sinTurns(pose.turns + k / 6));
    const apothem = pose.radius * 0.88;
    const reach = pose.radius * 1.1;
    const x0 = Math.max(0, Math.floor(pose.cx - reach));
    const x1 = Math.min(width, Math.ceil(pose.cx + reach));
    const y0 = Math.max(0, Math.floor(pose.cy - reach));
    const y1 = Math.min(height, Math.ceil(pose.cy + reach));
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        let far = 0;
        for (let k = 0; k < 12; k += 2) {
          const d = (x - pose.cx) * normals[k]! + (y - pose.cy) * normals[k + 1]!;
          if (d > far) far = d;
        }
        body.data[y * width + x] = clamp(apothem - far + 0.5, 0, 1);
      }
    }
    [body.x0, body.y0, body.x1, body.y1] = [x0, y0, x1, y1];
    const solid = product.next() < 0.35;
    const bore = product.uniform(0.38, 0.52);
    if (!solid) {
      const hole = stage.work.cover();
      coverEllipse(hole, pose.cx, pose.cy, pose.radius * bore, pose.radius * bore, 1, 0, 1.3);
      cut(body, hole);
    }
    shadePaint(canvas, body, metal.rgb, turnedFace(stage, pose, solid ? [0.86] : [0.86, bore + 0.04]));
    if (solid && product.next() < 0.6) {
      // Strength marking stamped into the head.
      const mark = stage.work.cover();
      const s = pose.radius;
      for (let k = 0; k < 3; k++) {
        const x = pose.cx + (k - 1) * s * 0.2;
        coverSegment(mark, x, pose.cy - s * 0.12, s * 0.018, x, pose.cy + s * 0.12, s * 0.018);
        if (k !== 1) coverSegment(mark, x, pose.cy, s * 0.018, x + s * 0.1, pose.cy + s * 0.12, s * 0.018);
      }
      lighten(canvas, mark, -0.12);
    }
    return scene(canvas, { body: body.data, background, inner: [0.1, 0.1, 0.1], look: metal.name });
  },
};

const tablets: Kind = {
  id: "tablets",
  nouns: ["tray with tablets", "blister with pills", "set of tablets"],
  surface: "tablets",
  sound: ["every place is filled", "all tablets have the same shape and colour", "the tablets are whole and clean"],
  defects: ["missing part", "stain", "color anomaly", "foreign object", "notch", "crack", "surface damage"],
  element: "a tablet",
  render(stage) {
    const { product, view, side, width, height } = stage;
    const pill = namedColor(product, 0.45);
    const { canvas, background, body } = onGround(stage, [pill.rgb]);
    const frame = frameOf(stage, view.uniform(-0.02, 0.02) + 0.25 * product.int(2));
    const columns = 2 + product.int(3);
    const pitch = side / (columns + 0.3);
    const rx = pitch * product.uniform(0.3, 0.4);
    const ry = rx * product.pick([1, 1, 0.6]);
    const wells = product.next() < 0.6;
    const well = stage.work.cover();
    const rims = stage.work.cover();
    const elements: Element[] = [];
    const reach = columns + 1;
    const u0 = columns % 2 === 0 ? 0.5 : 0;
    for (let row = -reach; row <= reach; row++) {
      for (let column = -reach; column <= reach; column++) {
        const u = (column + u0 + view.uniform(-0.03, 0.03)) * pitch;
        const v = (row + u0 + view.uniform(-0.03, 0.03)) * pitch;
        const x = frame.cx + u * frame.cos - v * frame.sin;
        const y = frame.cy + u * frame.sin + v * frame.cos;
        if (x < -pitch * 0.2 || y < -pitch * 0.2 || x > width + pitch * 0.2 || y > height + pitch * 0.2) continue;
        if (wells) coverEllipse(well, x, y, rx * 1.25, ry * 1.3, frame.cos, frame.sin, 2);
        coverEllipse(rims, x + rx * 0.08, y + rx * 0.12, rx * 1.03, ry * 1.03, frame.cos, frame.sin, 3);
        coverEllipse(body, x, y, rx, ry, frame.cos, frame.sin, 1.3);
        elements.push({ x, y, rx: rx * 1.12, ry: ry * 1.14, cos: frame.cos, sin: frame.sin });
      }
    }
    if (wells) {
      tint(background, well, [0.8, 0.8, 0.82]);
      tint(canvas, well, [0.8, 0.8, 0.82]);
    }
    tint(canvas, rims, [0.5, 0.5, 0.5]);
    const shade = noisePlane(stage, frame, 60, 60, product.uniform(0.01, 0.07));
    const groove = product.next() < 0.4;
    const turn = view.next();
    const lx = cosTurns(turn);
    const ly = sinTurns(turn);
    for (const element of elements) {
      const x1 = Math.min(width, Math.ceil(element.x + rx) + 1);
      const y1 = Math.min(height, Math.ceil(element.y + rx) + 1);
      for (let y = Math.max(0, Math.floor(element.y - rx)); y < y1; y++) {
        for (let x = Math.max(0, Math.floor(element.x - rx)); x < x1; x++) {
          const a = ((x - element.x) * frame.cos + (y - element.y) * frame.sin) / rx;
          const b = ((y - element.y) * frame.cos - (x - element.x) * frame.sin) / ry;
          const rho2 = a * a + b * b;
          if (rho2 > 1.1) continue;
          let s = 0.16 * rho2 * rho2 * (a * lx + b * ly) - 0.12 * rho2 * rho2 * rho2;
          if (groove && (a < 0 ? -a : a) < 0.07) s -= 0.22;
          const i = y * width + x;
          shade[i] = shade[i]! + s;
        }
      }
    }
    shadePaint(canvas, body, pill.rgb, shade);
    return scene(canvas, { body: body.data, background, inner: scaleRgb(pill.rgb, 0.55), look: pill.name, elements });
  },
};

const capsule: Kind = {
  id: "capsule",
  nouns: ["capsule", "pill", "two-coloured capsule"],
  surface: "shell",
  sound: ["the shell is smooth and closed", "both halves fit together", "the print and the gloss are clean"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "notch",
    "hole",
    "deformation",
    "crack",
    "surface damage",
  ],
  render(stage) {
    const { product, view, side, width, height } = stage;
    const one = namedColor(product, 0.25);
    const two = namedColor(product, 0.4);
    const { canvas, background, body } = onGround(stage, [one.rgb, two.rgb]);
    const turns = view.next() * 0.5;
    const cos = cosTurns(turns);
    const sin = sinTurns(turns);
    const half = side * view.uniform(0.3, 0.4);
    const radius = side * product.uniform(0.17, 0.24) * view.uniform(0.95, 1.1);
    const pose = poseRound(stage, 0.45, 0.5);
    // The bar must reach into the target cell: shift it across its axis as far as needed.
    const tx = stage.target.x - pose.cx;
    const ty = stage.target.y - pose.cy;
    const across = ty * cos - tx * sin;
    const along = tx * cos + ty * sin;
    const overA = across > radius * 0.6 ? across - radius * 0.6 : across < -radius * 0.6 ? across + radius * 0.6 : 0;
    const overL = along > half ? along - half : along < -half ? along + half : 0;
    const cx = pose.cx - overA * sin + overL * cos;
    const cy = pose.cy + overA * cos + overL * sin;
    const ax = cx - half * cos;
    const ay = cy - half * sin;
    const bx = cx + half * cos;
    const by = cy + half * sin;
    const shadow = stage.work.cover();
    coverSegment(
      shadow,
      ax + 2,
      ay + radius * 0.2,
      radius * 0.9,
      bx + 2,
      by + radius * 0.2,
      radius * 0.9,
      radius * 0.4,
    );
    tint(canvas, shadow, [0.6, 0.6, 0.6]);
    coverSegment(body, ax, ay, radius, bx, by, radius, 1.3);
    const light = view.uniform(-0.5, 0.5);
    const joint = view.uniform(-0.1, 0.1) * half;
    const grain = noisePlane(stage, frameOf(stage, 0), 50, 50, product.uniform(0.01, 0.04));
    const { r, g, b } = canvas;
    for (let y = body.y0; y < body.y1; y++) {
      for (let x = body.x0; x < body.x1; x++) {
        const i = y * width + x;
        const a = body.data[i]!;
        if (a === 0) continue;
        const u = (x - cx) * cos + (y - cy) * sin;
        const v = ((y - cy) * cos - (x - cx) * sin) / radius;
        const color = u < joint ? one.rgb : two.rgb;
        const seam = Math.abs(u - joint) < side * 0.008 ? -0.2 : 0;
        const s = 1 - 0.45 * v * v + 0.3 * bell((v - light) / 0.3) + seam + grain[i]!;
        r[i] = r[i]! + a * (color[0] * s - r[i]!);
        g[i] = g[i]! + a * (color[1] * s - g[i]!);
        b[i] = b[i]! + a * (color[2] * s - b[i]!);
      }
    }
    void height;
    return scene(canvas, { body: body.data, background, inner: [0.12, 0.1, 0.1], grain: [cos, sin], look: one.name });
  },
};

const bottleMouth: Kind = {
  id: "bottle_mouth",
  nouns: ["bottle mouth", "bottle opening seen from above", "glass bottle top"],
  surface: "rim",
  sound: ["the rim is closed and round", "the glass ring is even", "the rings lie one in the other without a break"],
  defects: ["notch", "foreign object", "crack", "stain", "surface damage", "scratch"],
  render(stage) {
    const { product, view, width, height } = stage;
    const glass = product.pick<{ name: string; rgb: Rgb }>([
      { name: "brown", rgb: [0.4, 0.2, 0.08] },
      { name: "green", rgb: [0.12, 0.32, 0.16] },
      { name: "dark", rgb: [0.14, 0.13, 0.12] },
      { name: "blue", rgb: [0.15, 0.25, 0.45] },
      { name: "clear", rgb: [0.55, 0.6, 0.6] },
    ]);
    const { canvas, background, body } = onGround(stage, [glass.rgb], [0.75, 0.97]);
    const pose = poseRound(stage, 0.42, 0.56);
    coverEllipse(body, pose.cx, pose.cy, pose.radius, pose.radius, 1, 0, 1.3);
    const rings: { at: number; width: number; depth: number; wobble: number }[] = [];
    const count = 4 + product.int(4);
    for (let k = 0; k < count; k++) {
      rings.push({
        at: 0.35 + (0.62 * (k + product.next() * 0.6)) / count,
        width: product.uniform(0.02, 0.06),
        depth: product.uniform(-0.5, 0.9),
        wobble: product.uniform(0, 0.5),
      });
    }
    const throat = product.uniform(0.02, 0.1);
    const { r, g, b } = canvas;
    const lobes = 1 + product.int(3);
    for (let y = body.y0; y < body.y1; y++) {
      for (let x = body.x0; x < body.x1; x++) {
        const i = y * width + x;
        const a = body.data[i]!;
        if (a === 0) continue;
        const dx = (x - pose.cx) / pose.radius;
        const dy = (y - pose.cy) / pose.radius;
        const rho = Math.sqrt(dx * dx + dy * dy);
        const wave = cosTurns(angleTurns(dy, dx) * lobes + pose.turns);
        let s = 0.8 + 0.5 * smoothstep(0.3, 0.95, rho);
        for (let k = 0; k < rings.length; k++) {
          const ring = rings[k]!;
          s += ring.depth * (1 - ring.wobble + ring.wobble * wave) * bell((rho - ring.at) / ring.width);
        }
        const inside = 1 - smoothstep(0.28, 0.38, rho);
        const shine = s > 1.1 ? (s - 1.1) * 0.5 : 0;
        const cr = glass.rgb[0] * s + shine;
        const cg = glass.rgb[1] * s + shine;
        const cb = glass.rgb[2] * s + shine;
        r[i] = r[i]! + a * (cr + inside * (throat - cr) - r[i]!);
        g[i] = g[i]! + a * (cg + inside * (throat - cg) - g[i]!);
        b[i] = b[i]! + a * (cb + inside * (throat - cb) - b[i]!);
      }
    }
    void view;
    void height;
    return scene(canvas, { body: body.data, background, inner: [0.8, 0.82, 0.82], look: glass.name });
  },
};

const threadedBar: Kind = {
  id: "threaded_bar",
  nouns: ["threaded spindle", "ball screw", "threaded bar", "screw thread"],
  surface: "thread",
  sound: ["the flanks are smooth", "the thread turns run evenly", "the raceway shines without a pit"],
  defects: ["pitting", "scratch", "stain", "wear", "foreign object", "surface damage", "color anomaly"],
  render(stage) {
    const { product, view, side, width, height } = stage;
    const metal = product.next() < 0.5 ? { name: "steel", rgb: [0.6, 0.56, 0.45] as Rgb } : metalColor(product);
    const { canvas, background, body } = onGround(stage, [metal.rgb], [0.2, 0.6]);
    const upright = product.next() < 0.25;
    const frame = frameOf(stage, (upright ? 0.25 : 0) + view.uniform(-0.015, 0.015));
    const [p, q] = coordinates(stage, frame);
    const turnsShown = product.uniform(1.6, 4.2);
    const slant = product.uniform(0.12, 0.35) * (product.int(2) === 0 ? 1 : -1);
    const land = product.uniform(0.25, 0.5);
    const brush = noisePlane(stage, frame, 2.5, 140, product.uniform(0.03, 0.1));
    frameNoise(stage, frame, brush, 5, 26, product.uniform(0.02, 0.08));
    frameNoise(stage, frame, brush, 2, 3, 0.08);
    const ends = (Math.max(width, height) / side) * view.uniform(0.47, 0.75);
    const soft = (turnsShown * 1.2) / side;
    const phase = view.next();
    const shineAt = view.uniform(-0.25, 0.25);
    const { r, g, b } = canvas;
    body.x0 = 0;
    body.y0 = 0;
    body.x1 = width;
    body.y1 = height;
    for (let i = 0; i < p.length; i++) {
      // Thread turns are bands across q, slanted and slightly bent because the bar is round.
      const bent = q[i]! + slant * p[i]! + 0.06 * p[i]! * p[i]!;
      const t = bent * turnsShown + phase;
      const f = t - Math.floor(t);
      const inLand = f < land ? Math.min(f, land - f) : -Math.min(f - land, 1 - f);
      const flat = clamp(inLand / soft + 0.5, 0, 1);
      const v = f < land ? (f < land / 2 ? 1 : 0) : (f - land) / (1 - land);
      const groove =
        -0.55 +
        0.9 * bell((v - 0.55) / 0.42) -
        0.35 * bell(v / 0.16) -
        0.3 * bell((1 - v) / 0.1) +
        0.12 * bell((p[i]! - shineAt) / 0.12) * (v - 0.5);
      const ridge = 0.12 + 0.25 * bell((p[i]! - shineAt) / 0.35) + 0.2 * bell((f - land) / 0.05);
      const profile = groove + flat * (ridge - groove);
      const notch = f < land ? 0 : 0.025 * bell((f - land - (1 - land) * 0.5) / ((1 - land) * 0.5));
      const edge = ends - notch - (p[i]! < 0 ? -p[i]! : p[i]!);
      const a = clamp(edge * side + 0.5, 0, 1);
      body.data[i] = a;
      if (a === 0) continue;
      const round = 1 - 0.35 * smoothstep(ends * 0.6, ends, p[i]! < 0 ? -p[i]! : p[i]!);
      const s = (1 + profile * 0.75 + brush[i]!) * round;
      const glint = s > 1.25 ? (s - 1.25) * 0.4 : 0;
      r[i] = r[i]! + a * (metal.rgb[0] * s + glint - r[i]!);
      g[i] = g[i]! + a * (metal.rgb[1] * s + glint - g[i]!);
      b[i] = b[i]! + a * (metal.rgb[2] * s + glint - b[i]!);
    }
    if (product.next() < 0.35) {
      // Old grease in the groove: darker, soft, usual on a used spindle.
      const film = noisePlane(stage, frameOf(stage, view.next() * 0.04), 2.4, 11, 1, 2);
      const sharp = product.next() < 0.5;
      const amount = product.uniform(0.1, sharp ? 0.45 : 0.25);
      for (let i = 0; i < film.length; i++) {
        const k =
          1 - amount * body.data[i]! * (sharp ? smoothstep(0.5, 0.56, film[i]!) : smoothstep(0.3, 0.7, film[i]!));
        r[i] = r[i]! * k;
        g[i] = g[i]! * k;
        b[i] = b[i]! * k;
      }
    }
    return scene(canvas, {
      body: body.data,
      background,
      inner: [0.12, 0.1, 0.08],
      grain: [frame.cos, frame.sin],
      look: metal.name,
    });
  },
};

const biscuit: Kind = {
  id: "biscuit",
  nouns: ["biscuit", "cookie", "baked biscuit"],
  surface: "crust",
  sound: ["the biscuit is in one piece", "the fine lines in the crust are natural", "the outline is whole"],
  defects: ["crack", "notch", "foreign object", "stain", "color anomaly", "hole", "surface damage"],
  render(stage) {
    const { product, view, width, height, side } = stage;
    const dough = product.pick<{ name: string; rgb: Rgb }>([
      { name: "golden", rgb: [0.78, 0.6, 0.38] },
      { name: "pale", rgb: [0.83, 0.7, 0.5] },
      { name: "brown", rgb: [0.6, 0.42, 0.26] },
      { name: "dark", rgb: [0.36, 0.24, 0.17] },
    ]);
    const { canvas, background, body } = onGround(stage, [dough.rgb], product.next() < 0.7 ? [0.12, 0.35] : undefined);
    const pose = poseRound(stage, 0.28, 0.46);
    const square = product.next() < 0.25;
    const squash = product.uniform(0.7, 1);
    const cos = cosTurns(pose.turns);
    const sin = sinTurns(pose.turns);
    const frame = { cx: pose.cx, cy: pose.cy, cos, sin, unit: pose.radius };
    const rough = noisePlane(stage, frame, 2.2, 2.2, product.uniform(0.03, 0.09), 2);
    const crumb = noisePlane(stage, frame, 7, 7, product.uniform(0.05, 0.12), 2);
    frameNoise(stage, frame, crumb, 26, 26, product.uniform(0.05, 0.13));
    const lines = noisePlane(stage, frame, 2.6, 2.6, 1, 2);
    const veins = product.uniform(0, 0.35);
    dropShadow(canvas, pose, 0.4, 0.02 * side, 0.03 * side);
    const reach = pose.radius * 1.25;
    body.x0 = Math.max(0, Math.floor(pose.cx - reach));
    body.x1 = Math.min(width, Math.ceil(pose.cx + reach));
    body.y0 = Math.max(0, Math.floor(pose.cy - reach));
    body.y1 = Math.min(height, Math.ceil(pose.cy + reach));
    const { r, g, b } = canvas;
    for (let y = body.y0; y < body.y1; y++) {
      for (let x = body.x0; x < body.x1; x++) {
        const u = ((x - pose.cx) * cos + (y - pose.cy) * sin) / pose.radius;
        const v = ((y - pose.cy) * cos - (x - pose.cx) * sin) / (pose.radius * squash);
        const i = y * width + x;
        const rho = square ? Math.sqrt(Math.sqrt(u * u * u * u + v * v * v * v)) * 1.12 : Math.sqrt(u * u + v * v);
        const inside = 1 + rough[i]! - rho;
        const a = clamp(inside * pose.radius + 0.5, 0, 1);
        if (a === 0) continue;
        body.data[i] = a;
        const line = 1 - clamp((lines[i]! < 0 ? -lines[i]! : lines[i]!) * 9, 0, 1);
        const s = 1 + crumb[i]! - 0.4 * bell(inside / 0.16) - veins * line * smoothstep(0, 0.2, inside);
        const bake = 1 - 0.12 * smoothstep(0.4, 1, rho);
        r[i] = r[i]! + a * (dough.rgb[0] * s - r[i]!);
        g[i] = g[i]! + a * (dough.rgb[1] * s * bake - g[i]!);
        b[i] = b[i]! + a * (dough.rgb[2] * s * bake * bake - b[i]!);
      }
    }
    // Chocolate or raisins.
    const chips = product.next() < 0.65 ? 3 + product.int(9) : 0;
    const chip = stage.work.cover();
    const shine = stage.work.cover();
    for (let k = 0; k < chips; k++) {
      const t = view.next();
      const at = Math.sqrt(view.next()) * 0.8 * pose.radius;
      const x = pose.cx + at * (cosTurns(t) * cos - sinTurns(t) * squash * sin);
      const y = pose.cy + at * (cosTurns(t) * sin + sinTurns(t) * squash * cos);
      const size = pose.radius * view.uniform(0.04, 0.1);
      const turn = view.next();
      coverEllipse(chip, x, y, size, size * view.uniform(0.55, 1), cosTurns(turn), sinTurns(turn), 1.2);
      coverEllipse(shine, x - size * 0.3, y - size * 0.3, size * 0.3, size * 0.25, 1, 0, 1.2);
    }
    paint(canvas, chip, [0.2, 0.12, 0.1], 0.92);
    lighten(canvas, shine, 0.18);
    if (product.next() < 0.5) {
      // Loose crumbs on the tray are usual.
      const crumbs = stage.work.cover();
      for (let k = 0; k < 5; k++) {
        const x = view.uniform(0, width);
        const y = view.uniform(0, height);
        coverEllipse(crumbs, x, y, side * 0.006, side * 0.005, 1, 0, 1);
      }
      paint(canvas, crumbs, dough.rgb, 0.7);
    }
    return scene(canvas, {
      body: body.data,
      background,
      inner: scaleRgb(dough.rgb, 0.3),
      look: dough.name,
      crack: "split",
    });
  },
};

const cable: Kind = {
  id: "cable",
  nouns: ["cable end", "cable cross section", "cut cable"],
  surface: "wires",
  sound: ["every wire is in its place", "the jacket is round and closed", "each core has its insulation"],
  defects: ["missing part", "notch", "foreign object", "stain", "color anomaly", "crack", "surface damage", "hole"],
  element: "a wire",
  render(stage) {
    const { product, view } = stage;
    const jacket = namedColor(product, 0.7);
    const { canvas, background, body } = onGround(stage, [jacket.rgb]);
    const pose = poseRound(stage, 0.4, 0.54);
    const count = 3 + product.int(3);
    const filler = scaleRgb(jacket.rgb, product.uniform(0.35, 0.7));
    dropShadow(canvas, pose, 0.3, 0, 0.05 * pose.radius);
    coverEllipse(body, pose.cx, pose.cy, pose.radius, pose.radius, 1, 0, 1.3);
    const frame = frameOf(stage, 0);
    const shade = noisePlane(stage, frame, 40, 40, 0.05);
    frameNoise(stage, frame, shade, 4, 4, 0.08);
    shadePaint(canvas, body, jacket.rgb, shade);
    const core = stage.work.cover();
    coverEllipse(core, pose.cx, pose.cy, pose.radius * 0.84, pose.radius * 0.84, 1, 0, 1.5);
    shadePaint(canvas, core, filler, shade);
    const elements: Element[] = [];
    const at = pose.radius * 0.44;
    const size = pose.radius * Math.min(0.34, 0.44 * sinTurns(0.5 / count) * 0.97);
    const turn = pose.turns;
    const strand = size * 0.17;
    const copper: Rgb = product.next() < 0.7 ? [0.78, 0.48, 0.3] : [0.72, 0.73, 0.75];
    for (let k = 0; k < count; k++) {
      const x = pose.cx + at * cosTurns(turn + k / count);
      const y = pose.cy + at * sinTurns(turn + k / count);
      const sleeve = stage.work.cover();
      coverEllipse(sleeve, x, y, size, size, 1, 0, 1.3);
      shadePaint(canvas, sleeve, namedColor(product, 0.15).rgb, shade);
      const heart = stage.work.cover();
      coverEllipse(heart, x, y, size * 0.62, size * 0.62, 1, 0, 1.3);
      paint(canvas, heart, scaleRgb(copper, 0.5));
      const strands = stage.work.cover();
      for (let j = 0; j < 7; j++) {
        const d = j === 0 ? 0 : strand * 2.1;
        coverEllipse(
          strands,
          x + d * cosTurns(j / 6 + turn),
          y + d * sinTurns(j / 6 + turn),
          strand,
          strand,
          1,
          0,
          1.2,
        );
      }
      paint(canvas, strands, scaleRgb(copper, view.uniform(0.9, 1.1)));
      elements.push({ x, y, rx: size * 1.05, ry: size * 1.05, cos: 1, sin: 0 });
    }
    return scene(canvas, {
      body: body.data,
      background,
      inner: [0.08, 0.08, 0.08],
      look: jacket.name,
      elements,
      bare: scaleRgb(filler, 0.55),
    });
  },
};

const connector: Kind = {
  id: "connector",
  nouns: ["connector", "plug with pins", "pin header"],
  surface: "pins",
  sound: ["all pins are present and straight", "the pins stand in even rows", "the housing is whole"],
  defects: ["missing part", "notch", "foreign object", "stain", "color anomaly", "scratch", "crack", "deformation"],
  element: "a pin",
  render(stage) {
    const { product, view, side, width, height } = stage;
    const housing = namedColor(product, 0.6);
    const { canvas, background, body } = onGround(stage, [housing.rgb]);
    const turns = view.uniform(-0.03, 0.03) + 0.25 * view.int(2);
    const cos = cosTurns(turns);
    const sin = sinTurns(turns);
    const cx = width / 2 + side * view.uniform(-0.05, 0.05);
    const cy = height / 2 + side * view.uniform(-0.05, 0.05);
    const rows = 1 + product.int(4);
    const columns = 4 + product.int(5);
    const hx = side * product.uniform(0.42, 0.5);
    const hy = side * product.uniform(0.34, 0.47);
    const shadow = stage.work.cover();
    coverBox(shadow, cx + side * 0.02, cy + side * 0.03, hx, hy, cos, sin, side * 0.05);
    tint(canvas, shadow, [0.6, 0.6, 0.6]);
    coverBox(body, cx, cy, hx, hy, cos, sin, 1.3);
    const frame = { cx, cy, cos, sin, unit: side };
    const shade = noisePlane(stage, frame, 60, 60, product.uniform(0.02, 0.06));
    frameNoise(stage, frame, shade, 2, 2, 0.08);
    shadePaint(canvas, body, housing.rgb, shade);
    const well = stage.work.cover();
    coverBox(well, cx, cy, hx * 0.88, hy * 0.84, cos, sin, 1.5);
    const floor = scaleRgb(housing.rgb, product.uniform(0.55, 0.8));
    shadePaint(canvas, well, floor, shade);
    const metal: Rgb = product.next() < 0.5 ? [0.85, 0.7, 0.35] : [0.78, 0.79, 0.8];
    const holes = stage.work.cover();
    const pins = stage.work.cover();
    const tips = stage.work.cover();
    const elements: Element[] = [];
    const stepX = (hx * 1.76) / columns;
    const stepY = (hy * 1.68) / rows;
    const size = Math.min(stepX, stepY) * product.uniform(0.2, 0.3);
    const round = product.int(2) === 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const u = (column + 0.5 - columns / 2) * stepX;
        const v = (row + 0.5 - rows / 2) * stepY;
        const x = cx + u * cos - v * sin;
        const y = cy + u * sin + v * cos;
        coverBox(holes, x, y, size * 1.5, size * 1.5, cos, sin, 1.3);
        if (round) coverEllipse(pins, x, y, size, size, 1, 0, 1.2);
        else coverBox(pins, x, y, size, size, cos, sin, 1.2);
        coverEllipse(tips, x - size * 0.2, y - size * 0.2, size * 0.45, size * 0.45, 1, 0, 1.2);
        elements.push({ x, y, rx: size * 1.3, ry: size * 1.3, cos, sin });
      }
    }
    paint(canvas, holes, scaleRgb(floor, 0.4));
    paint(canvas, pins, metal);
    lighten(canvas, tips, 0.12);
    return scene(canvas, {
      body: body.data,
      background,
      inner: [0.08, 0.08, 0.08],
      grain: [cos, sin],
      look: housing.name,
      elements,
      bare: scaleRgb(floor, 0.4),
    });
  },
};

export const PART_KINDS: readonly Kind[] = [
  washer,
  gear,
  hexNut,
  tablets,
  capsule,
  bottleMouth,
  threadedBar,
  biscuit,
  cable,
  connector,
];
