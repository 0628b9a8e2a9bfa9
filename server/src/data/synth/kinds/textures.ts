/** Kinds that fill the picture with one material: metal, fabric, wood, leather, stone and their like. */
import {
  type Canvas,
  coverEllipse,
  coverSegment,
  hsv,
  lighten,
  luminance,
  mix,
  paint,
  type Rgb,
  scaleRgb,
} from "../canvas";
import { bell, clamp, cosTurns, noise, sinTurns, smoothstep } from "../numeric";
import {
  coordinates,
  frameNoise,
  frameOf,
  type Kind,
  metalColor,
  namedColor,
  noisePlane,
  type Stage,
  scene,
  shadeFill,
} from "../scene";

/** Nearly level or upright, or any direction. */
function turnsOf(stage: Stage, free: boolean): number {
  return free ? stage.view.next() : 0.25 * stage.product.int(2) + stage.view.uniform(-0.018, 0.018);
}

const brushedMetal: Kind = {
  id: "brushed_metal",
  nouns: ["brushed metal plate", "brushed metal sheet", "metal plate"],
  surface: "brush pattern",
  sound: ["the brush lines run evenly", "the metal shines evenly", "the fine lines are parallel"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "hole",
    "deformation",
    "crack",
    "surface damage",
    "wear",
    "pitting",
  ],
  render(stage) {
    const { product, view } = stage;
    const metal = metalColor(product);
    const frame = frameOf(stage, turnsOf(stage, view.next() < 0.5));
    const shade = noisePlane(
      stage,
      frame,
      product.uniform(1, 5),
      product.uniform(70, 200),
      product.uniform(0.05, 0.18),
    );
    frameNoise(stage, frame, shade, 2, product.uniform(12, 40), product.uniform(0.02, 0.1));
    const canvas = stage.work.canvas();
    const [p, q] = coordinates(stage, frame);
    const along = product.int(2) === 0 ? p : q;
    const centre = view.uniform(-0.4, 0.4);
    const width = view.uniform(0.25, 0.8);
    const shine = view.uniform(0, 0.35);
    for (let i = 0; i < shade.length; i++) shade[i] = shade[i]! + shine * bell((along[i]! - centre) / width);
    shadeFill(canvas, metal.rgb, shade);
    return scene(canvas, { inner: [0.1, 0.1, 0.11], grain: [frame.cos, frame.sin], look: metal.name });
  },
};

const wovenFabric: Kind = {
  id: "woven_fabric",
  nouns: ["woven fabric", "piece of cloth", "fabric"],
  surface: "weave",
  sound: ["the threads run evenly", "the weave is regular", "warp and weft cross in a steady rhythm"],
  defects: ["scratch", "stain", "color anomaly", "foreign object", "hole", "deformation", "surface damage", "wear"],
  render(stage) {
    const { product, view } = stage;
    const warp = namedColor(product);
    const weft = product.next() < 0.6 ? scaleRgb(warp.rgb, product.uniform(0.75, 1.2)) : namedColor(product).rgb;
    const frame = frameOf(stage, turnsOf(stage, view.next() < 0.3));
    const threads = product.uniform(12, 38);
    const twill = 2 + product.int(3);
    const depth = product.uniform(0.15, 0.5);
    const fibre = noisePlane(stage, frame, 60, 60, product.uniform(0.04, 0.14));
    frameNoise(stage, frame, fibre, threads / 3, 4, 0.05);
    const bend = noisePlane(stage, frame, 3, 3, product.uniform(0.05, 0.35));
    const [p, q] = coordinates(stage, frame);
    const canvas = stage.work.canvas();
    const { r, g, b } = canvas;
    for (let i = 0; i < p.length; i++) {
      const u = p[i]! * threads + bend[i]!;
      const v = q[i]! * threads + bend[i]!;
      const iu = Math.floor(u);
      const iv = Math.floor(v);
      const over = (iu + iv + 4096 * twill) % twill === 0;
      const across = over ? 2 * (u - iu) - 1 : 2 * (v - iv) - 1;
      const length = over ? 2 * (v - iv) - 1 : 2 * (u - iu) - 1;
      const light = 1 - depth * (across * across) - 0.35 * depth * length * length + fibre[i]!;
      const color = over ? warp.rgb : weft;
      r[i] = color[0] * light;
      g[i] = color[1] * light;
      b[i] = color[2] * light;
    }
    return scene(canvas, { inner: scaleRgb(warp.rgb, 0.25), grain: [frame.cos, frame.sin], look: warp.name });
  },
};

const WOODS: readonly [string, Rgb][] = [
  ["light", [0.78, 0.63, 0.44]],
  ["brown", [0.52, 0.35, 0.21]],
  ["reddish", [0.58, 0.33, 0.22]],
  ["dark", [0.33, 0.22, 0.15]],
  ["pale", [0.84, 0.75, 0.6]],
];

const woodGrain: Kind = {
  id: "wood",
  nouns: ["wooden board", "piece of wood", "wood panel"],
  surface: "grain",
  sound: [
    "the grain flows without a break",
    "the rings and fibres look natural",
    "only natural grain and tone can be seen",
  ],
  defects: ["scratch", "stain", "color anomaly", "foreign object", "hole", "crack", "surface damage", "wear"],
  render(stage) {
    const { product, view } = stage;
    const [look, base] = product.pick(WOODS);
    const dark = scaleRgb(base, product.uniform(0.55, 0.8));
    const frame = frameOf(stage, turnsOf(stage, view.next() < 0.25));
    const warp = noisePlane(stage, frame, product.uniform(0.6, 1.6), product.uniform(2, 5), product.uniform(0.3, 1.1));
    const fibres = noisePlane(stage, frame, 4, 120, product.uniform(0.05, 0.16), 1);
    frameNoise(stage, frame, fibres, 30, 160, product.uniform(0.02, 0.1));
    const [p, q] = coordinates(stage, frame);
    const rings = product.uniform(5, 16);
    const canvas = stage.work.canvas();
    const { r, g, b } = canvas;
    // Knots are grown wood, not defects: rings close around them.
    const knots = product.next() < 0.35 ? 1 + product.int(2) : 0;
    const kx = [view.uniform(-0.45, 0.45), view.uniform(-0.45, 0.45)];
    const ky = [view.uniform(-0.45, 0.45), view.uniform(-0.45, 0.45)];
    const kr = [product.uniform(0.03, 0.06), product.uniform(0.025, 0.05)];
    for (let i = 0; i < p.length; i++) {
      let across = q[i]! * rings + warp[i]! * 2;
      let knot = 0;
      for (let k = 0; k < knots; k++) {
        const dx = (p[i]! - kx[k]!) * 0.6;
        const dy = q[i]! - ky[k]!;
        const distance = Math.sqrt(dx * dx + dy * dy) / kr[k]!;
        if (distance < 4) {
          const near = 1 - distance / 4;
          across += near * near * 3;
          if (distance < 1) knot = 1 - distance * distance;
        }
      }
      const ring = across - Math.floor(across);
      const late = ring * ring * (1 - smoothstep(0.85, 1, ring));
      const t = clamp(late * 1.3 + knot * 0.8, 0, 1);
      const light = 1 + fibres[i]!;
      r[i] = (base[0] + t * (dark[0] - base[0])) * light;
      g[i] = (base[1] + t * (dark[1] - base[1])) * light;
      b[i] = (base[2] + t * (dark[2] - base[2])) * light;
    }
    return scene(canvas, { inner: scaleRgb(base, 0.25), grain: [frame.cos, frame.sin], look });
  },
};

/** Distances to the nearest and second nearest of jittered points, in units of the cell. */
function cells(stage: Stage, cell: number, jitter: number): [Float32Array, Float32Array] {
  const { width, height, view } = stage;
  const first = stage.work.plane().fill(9);
  const second = stage.work.plane().fill(9);
  const reach = cell * 1.45;
  const inverse = 1 / (cell * cell);
  for (let gy = -1; gy * cell < height + cell; gy++) {
    for (let gx = -1; gx * cell < width + cell; gx++) {
      const cx = (gx + 0.5 + jitter * (view.next() - 0.5) + (gy & 1) * 0.5) * cell;
      const cy = (gy + 0.5 + jitter * (view.next() - 0.5)) * cell;
      const x0 = Math.max(0, Math.floor(cx - reach));
      const x1 = Math.min(width, Math.floor(cx + reach) + 1);
      const y1 = Math.min(height, Math.floor(cy + reach) + 1);
      for (let y = Math.max(0, Math.floor(cy - reach)); y < y1; y++) {
        const dy2 = (y - cy) * (y - cy);
        for (let x = x0, i = y * width + x0; x < x1; x++, i++) {
          const d = ((x - cx) * (x - cx) + dy2) * inverse;
          if (d < first[i]!) {
            second[i] = first[i]!;
            first[i] = d;
          } else if (d < second[i]!) second[i] = d;
        }
      }
    }
  }
  for (let i = 0; i < first.length; i++) {
    first[i] = Math.sqrt(first[i]!);
    second[i] = Math.sqrt(second[i]!);
  }
  return [first, second];
}

const leather: Kind = {
  id: "leather",
  nouns: ["piece of leather", "leather", "leather cover"],
  surface: "grain",
  sound: ["the pores and folds are even", "the leather grain is natural", "the small cells are alike"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "hole",
    "deformation",
    "surface damage",
    "wear",
    "crack",
  ],
  render(stage) {
    const { product, view } = stage;
    const color =
      product.next() < 0.5 ? { name: "brown", rgb: hsv(0.06, 0.55, product.uniform(0.3, 0.6)) } : namedColor(product);
    const frame = frameOf(stage, view.next());
    const cell = Math.max(3.2, stage.side * product.uniform(0.025, 0.075));
    const [first, second] = cells(stage, cell, 0.9);
    const shade = noisePlane(stage, frame, 3, 3, 0.08);
    frameNoise(stage, frame, shade, 70, 70, product.uniform(0.03, 0.1));
    const groove = product.uniform(0.2, 0.5);
    for (let i = 0; i < shade.length; i++) {
      const edge = second[i]! - first[i]!;
      if (edge < 0.3) shade[i] = shade[i]! - groove * (1 - edge / 0.3);
      else shade[i] = shade[i]! + 0.08 * (1 - first[i]!);
    }
    const canvas = stage.work.canvas();
    shadeFill(canvas, color.rgb, shade);
    return scene(canvas, { inner: scaleRgb(color.rgb, 0.3), grain: [frame.cos, frame.sin], look: color.name });
  },
};

const tileGrid: Kind = {
  id: "tile",
  nouns: ["tiled surface", "tile grid", "set of tiles"],
  surface: "glaze",
  sound: ["the joints are straight", "the tiles are smooth and whole", "all tiles look alike"],
  defects: ["scratch", "stain", "color anomaly", "foreign object", "notch", "hole", "crack", "surface damage"],
  render(stage) {
    const { product, view } = stage;
    const color = namedColor(product, 0.55);
    const grout = hsv(0.1, 0.06, product.uniform(0.25, 0.85));
    const frame = frameOf(stage, turnsOf(stage, view.next() < 0.2));
    const across = product.uniform(1.4, 4.2);
    const shape = product.pick([1, 1, 2]);
    const bond = product.next() < 0.4 ? 0.5 : 0;
    const joint = product.uniform(0.02, 0.05);
    const tone = product.uniform(0, 0.12);
    const shade = noisePlane(stage, frame, 5, 5, product.uniform(0.01, 0.09), 2);
    frameNoise(stage, frame, shade, 120, 120, product.uniform(0.01, 0.12));
    const [p, q] = coordinates(stage, frame);
    const canvas = stage.work.canvas();
    const { r, g, b } = canvas;
    const u0 = view.next();
    const v0 = view.next();
    for (let i = 0; i < p.length; i++) {
      const v = q[i]! * across * shape + v0;
      const row = Math.floor(v);
      const u = p[i]! * across + u0 + (row & 1) * bond;
      const column = Math.floor(u);
      const fu = u - column;
      const fv = v - row;
      const edge = Math.min(fu < 0.5 ? fu : 1 - fu, (fv < 0.5 ? fv : 1 - fv) / shape);
      const flat = smoothstep(joint * 0.7, joint * 1.3, edge);
      const bevel = edge < joint * 2.4 ? (fu + fv < 1 ? 0.1 : -0.1) : 0;
      const light = 1 + shade[i]! + bevel + tone * noise(column * 3.7 + 0.5, row * 5.3 + 0.5);
      r[i] = grout[0] + flat * (color.rgb[0] * light - grout[0]);
      g[i] = grout[1] + flat * (color.rgb[1] * light - grout[1]);
      b[i] = grout[2] + flat * (color.rgb[2] * light - grout[2]);
    }
    return scene(canvas, { inner: [0.55, 0.45, 0.36], grain: [frame.cos, frame.sin], look: color.name });
  },
};

const castSurface: Kind = {
  id: "cast_metal",
  nouns: ["cast metal surface", "casting", "raw casting"],
  surface: "casting skin",
  sound: ["the rough skin is even", "the casting is closed and even", "only the usual roughness can be seen"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "hole",
    "crack",
    "surface damage",
    "wear",
    "pitting",
  ],
  render(stage) {
    const { product, view } = stage;
    const value = product.uniform(0.25, 0.65);
    const color = hsv(product.uniform(0.05, 0.6), product.uniform(0, 0.1), value);
    const frame = frameOf(stage, view.next());
    const shade = noisePlane(stage, frame, 9, 9, product.uniform(0.04, 0.1), 2);
    frameNoise(stage, frame, shade, product.uniform(40, 80), product.uniform(40, 80), product.uniform(0.08, 0.2));
    const canvas = stage.work.canvas();
    shadeFill(canvas, color, shade);
    if (product.next() < 0.3) {
      // Raised marking of the mould.
      const cover = stage.work.cover();
      const s = stage.side;
      const x = stage.width * view.uniform(0.15, 0.55);
      const y = stage.height * view.uniform(0.15, 0.8);
      const count = 2 + product.int(4);
      for (let k = 0; k < count; k++) {
        const cx = x + k * s * 0.07;
        coverSegment(cover, cx, y, s * 0.008, cx + s * 0.03 * product.int(2), y + s * 0.07, s * 0.008);
        if (product.int(2) === 0) coverSegment(cover, cx, y, s * 0.008, cx + s * 0.035, y, s * 0.008);
      }
      lighten(canvas, cover, 0.12);
    }
    return scene(canvas, {
      inner: scaleRgb(color, 0.3),
      grain: [frame.cos, frame.sin],
      look: value > 0.45 ? "grey" : "dark",
    });
  },
};

const granite: Kind = {
  id: "stone",
  nouns: ["stone slab", "polished stone", "granite plate"],
  surface: "speckle pattern",
  sound: ["the speckles are spread evenly", "the stone pattern is natural", "the polish is even"],
  defects: ["scratch", "stain", "foreign object", "notch", "hole", "crack", "surface damage", "wear"],
  render(stage) {
    const { product, view } = stage;
    const base = namedColor(product, 0.7);
    const bright = luminance(base.rgb) > 0.45;
    const grains = product.uniform(16, 60);
    const frame = frameOf(stage, view.next());
    const one = noisePlane(stage, frame, grains, grains, 0.7);
    frameNoise(stage, frame, one, grains * 2, grains * 2, 0.35);
    const two = noisePlane(stage, frame, grains * 1.6, grains * 1.6, 1);
    const speck = mix(base.rgb, bright ? [0.12, 0.11, 0.1] : [0.8, 0.78, 0.75], product.uniform(0.3, 0.8));
    const other = scaleRgb(base.rgb, bright ? 1.15 : 0.6);
    const level = product.uniform(0.25, 0.5);
    const canvas = stage.work.canvas();
    const { r, g, b } = canvas;
    for (let i = 0; i < one.length; i++) {
      const s = clamp((one[i]! - level) * 5, 0, 1);
      const t = clamp((two[i]! - 0.3) * 4, 0, 1) * (1 - s);
      r[i] = base.rgb[0] + s * (speck[0] - base.rgb[0]) + t * (other[0] - base.rgb[0]);
      g[i] = base.rgb[1] + s * (speck[1] - base.rgb[1]) + t * (other[1] - base.rgb[1]);
      b[i] = base.rgb[2] + s * (speck[2] - base.rgb[2]) + t * (other[2] - base.rgb[2]);
    }
    return scene(canvas, { inner: scaleRgb(base.rgb, 0.35), grain: [frame.cos, frame.sin], look: base.name });
  },
};

const paintedPanel: Kind = {
  id: "painted_panel",
  nouns: ["painted panel", "coated sheet", "glossy plastic panel"],
  surface: "paint",
  sound: ["the paint is smooth", "the gloss is even", "the coat covers everything"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "hole",
    "deformation",
    "crack",
    "surface damage",
    "wear",
  ],
  render(stage) {
    const { product, view } = stage;
    const color = namedColor(product, 0.35);
    const frame = frameOf(stage, view.next());
    const shade = noisePlane(stage, frame, 40, 40, product.uniform(0.005, 0.035));
    const [p, q] = coordinates(stage, frame);
    const slope = view.uniform(-0.3, 0.3);
    const centre = view.uniform(-0.5, 0.5);
    const width = view.uniform(0.15, 0.6);
    const shine = view.uniform(0, 0.3);
    const curve = view.uniform(-0.6, 0.6);
    for (let i = 0; i < shade.length; i++) {
      const d = p[i]! + curve * q[i]! * q[i]! - centre;
      shade[i] = shade[i]! + slope * p[i]! + shine * bell(d / width);
    }
    const canvas = stage.work.canvas();
    shadeFill(canvas, color.rgb, shade);
    return scene(canvas, { inner: [0.45, 0.44, 0.43], grain: [frame.cos, frame.sin], look: color.name });
  },
};

const carpet: Kind = {
  id: "felt",
  nouns: ["felt mat", "carpet", "fibre mat"],
  surface: "pile",
  sound: ["the fibres lie evenly", "the pile is dense everywhere", "the mat is even"],
  defects: ["stain", "color anomaly", "foreign object", "hole", "deformation", "surface damage", "wear"],
  render(stage) {
    const { product, view } = stage;
    const color = namedColor(product, 0.45);
    const frame = frameOf(stage, view.next());
    const shade = noisePlane(stage, frame, 50, 140, product.uniform(0.1, 0.25));
    frameNoise(stage, frame, shade, 130, 40, product.uniform(0.08, 0.2));
    frameNoise(stage, frame, shade, 4, 4, 0.06);
    if (product.next() < 0.4) {
      const [, q] = coordinates(stage, frame);
      const ribs = product.uniform(6, 22);
      const depth = product.uniform(0.06, 0.2);
      for (let i = 0; i < shade.length; i++) shade[i] = shade[i]! + depth * sinTurns(q[i]! * ribs);
    }
    const canvas = stage.work.canvas();
    shadeFill(canvas, color.rgb, shade);
    return scene(canvas, { inner: scaleRgb(color.rgb, 0.3), grain: [frame.cos, frame.sin], look: color.name });
  },
};

const ribbed: Kind = {
  id: "ribbed_rubber",
  nouns: ["ribbed rubber mat", "ribbed profile", "corrugated sheet"],
  surface: "ribs",
  sound: ["the ribs are straight and equal", "the ribs keep the same distance", "the profile repeats without a fault"],
  defects: ["scratch", "stain", "foreign object", "missing part", "hole", "deformation", "crack", "wear"],
  element: "a piece of a rib",
  render(stage) {
    const { product, view } = stage;
    const color = namedColor(product, 0.6);
    const frame = frameOf(stage, turnsOf(stage, view.next() < 0.4));
    const ribs = product.uniform(5, 18);
    const depth = product.uniform(0.2, 0.45);
    const flat = product.uniform(1, 3);
    const shade = noisePlane(stage, frame, 60, 60, product.uniform(0.02, 0.1));
    frameNoise(stage, frame, shade, 2, 3, 0.06);
    const [, q] = coordinates(stage, frame);
    for (let i = 0; i < shade.length; i++) {
      shade[i] = shade[i]! + depth * clamp(flat * sinTurns(q[i]! * ribs), -1, 1);
    }
    const canvas = stage.work.canvas();
    shadeFill(canvas, color.rgb, shade);
    // A piece of one rib can be missing: its place looks like the valley.
    const elements = [];
    for (let k = -Math.floor(ribs * 0.7); k <= ribs * 0.7; k++) {
      const middle = ((k + 0.25) / ribs) * frame.unit;
      for (let j = -3; j <= 3; j++) {
        const along = j * 0.16 * frame.unit;
        elements.push({
          x: frame.cx + along * frame.cos - middle * frame.sin,
          y: frame.cy + along * frame.sin + middle * frame.cos,
          rx: (frame.unit / ribs) * 0.9,
          ry: (frame.unit / ribs) * 0.3,
          cos: frame.cos,
          sin: frame.sin,
        });
      }
    }
    const bare = scaleRgb(color.rgb, 1 - depth);
    return scene(canvas, {
      inner: scaleRgb(color.rgb, 0.3),
      grain: [frame.cos, frame.sin],
      look: color.name,
      elements,
      bare,
    });
  },
};

const perforated: Kind = {
  id: "perforated_sheet",
  nouns: ["perforated sheet", "perforated metal", "punched sheet"],
  surface: "hole pattern",
  sound: ["the holes are round and evenly spaced", "the pattern of holes is complete", "every hole has the same size"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "missing part",
    "deformation",
    "surface damage",
    "wear",
  ],
  element: "a hole of the pattern",
  render(stage) {
    const { product, view, width, height } = stage;
    const metal = product.next() < 0.6 ? metalColor(product) : namedColor(product, 0.3);
    const frame = frameOf(stage, turnsOf(stage, view.next() < 0.4));
    const shade = noisePlane(stage, frame, 3, 90, product.uniform(0.02, 0.08));
    frameNoise(stage, frame, shade, 2, 2, 0.08);
    const canvas = stage.work.canvas();
    shadeFill(canvas, metal.rgb, shade);
    const pitch = stage.side * product.uniform(0.08, 0.17);
    const radius = pitch * product.uniform(0.24, 0.36);
    const stagger = product.next() < 0.5 ? 0.5 : 0;
    const below: Rgb = product.next() < 0.75 ? [0.06, 0.06, 0.07] : [0.9, 0.9, 0.88];
    const holes = stage.work.cover();
    const rims = stage.work.cover();
    const elements = [];
    const reach = Math.sqrt(width * width + height * height) / 2 / pitch + 1;
    const u0 = view.next();
    const v0 = view.next();
    for (let row = -Math.ceil(reach); row <= reach; row++) {
      for (let column = -Math.ceil(reach); column <= reach; column++) {
        const u = (column + u0 + (row & 1) * stagger) * pitch;
        const v = (row + v0) * pitch;
        const x = frame.cx + u * frame.cos - v * frame.sin;
        const y = frame.cy + u * frame.sin + v * frame.cos;
        if (x < -pitch || y < -pitch || x > width + pitch || y > height + pitch) continue;
        coverEllipse(rims, x + 0.12 * radius, y + 0.12 * radius, radius * 1.16, radius * 1.16, 1, 0, 1.4);
        coverEllipse(holes, x, y, radius, radius, 1, 0, 1.4);
        elements.push({ x, y, rx: radius * 1.25, ry: radius * 1.25, cos: 1, sin: 0 });
      }
    }
    lighten(canvas, rims, 0.12);
    paint(canvas, holes, below);
    return scene(canvas, {
      inner: [0.1, 0.1, 0.1],
      grain: [frame.cos, frame.sin],
      look: metal.name,
      elements,
      bare: metal.rgb,
    });
  },
};

const grille: Kind = {
  id: "wire_mesh",
  nouns: ["wire mesh", "metal grid", "mesh"],
  surface: "mesh",
  sound: ["the wires cross at even distances", "all openings have the same size", "no wire is broken or bent"],
  defects: ["stain", "color anomaly", "foreign object", "missing part", "deformation", "surface damage"],
  element: "a piece of wire",
  render(stage) {
    const { product, view } = stage;
    const metal = product.next() < 0.6 ? metalColor(product) : namedColor(product, 0.4);
    const ground: Rgb = hsv(
      product.next(),
      0.1,
      luminance(metal.rgb) > 0.4 ? product.uniform(0.05, 0.2) : product.uniform(0.7, 0.95),
    );
    const frame = frameOf(stage, view.next() < 0.5 ? 0.125 : turnsOf(stage, view.next() < 0.3));
    const pitch = product.uniform(7, 14);
    const thick = product.uniform(0.16, 0.3);
    const shade = noisePlane(stage, frame, 40, 40, 0.08);
    frameNoise(stage, frame, shade, 3, 3, 0.1);
    const [p, q] = coordinates(stage, frame);
    const canvas = stage.work.canvas();
    const { r, g, b } = canvas;
    const soft = pitch / frame.unit;
    for (let i = 0; i < p.length; i++) {
      const u = p[i]! * pitch;
      const v = q[i]! * pitch;
      const iu = Math.floor(u);
      const iv = Math.floor(v);
      const du = Math.abs(u - iu - 0.5);
      const dv = Math.abs(v - iv - 0.5);
      const a = clamp((thick - du) / soft + 0.5, 0, 1);
      const c = clamp((thick - dv) / soft + 0.5, 0, 1);
      const wire = a > c ? a : c;
      const round = 1 - 0.55 * ((a > c ? du : dv) / thick);
      const light = (round + shade[i]!) * ((iu + iv) & 1 && a > 0 && c > 0 ? 0.8 : 1);
      r[i] = ground[0] + wire * (metal.rgb[0] * light - ground[0]);
      g[i] = ground[1] + wire * (metal.rgb[1] * light - ground[1]);
      b[i] = ground[2] + wire * (metal.rgb[2] * light - ground[2]);
    }
    // A piece of wire between two crossings can be missing.
    const elements = [];
    const reach = Math.ceil(pitch * 0.75);
    const length = frame.unit / pitch;
    for (let row = -reach; row <= reach; row++) {
      for (let column = -reach; column <= reach; column++) {
        const u = (column + 1) * length;
        const v = (row + 0.5) * length;
        elements.push({
          x: frame.cx + u * frame.cos - v * frame.sin,
          y: frame.cy + u * frame.sin + v * frame.cos,
          rx: length * (0.95 - thick),
          ry: length * (thick + 0.1),
          cos: frame.cos,
          sin: frame.sin,
        });
      }
    }
    return scene(canvas, { inner: ground, grain: [frame.cos, frame.sin], look: metal.name, elements, bare: ground });
  },
};

const lightGuide: Kind = {
  id: "dot_plate",
  nouns: ["light guide plate", "plate with dots", "dot plate"],
  surface: "dot pattern",
  sound: ["the dots form a regular grid", "nothing but the dots can be seen", "between the dots the plate is clear"],
  defects: ["scratch", "foreign object", "missing part", "stain", "crack"],
  element: "a dot",
  render(stage) {
    const { product, view, width, height } = stage;
    const bright = product.next() < 0.8;
    const ground = product.uniform(0.01, 0.09);
    const canvas = stage.work.canvas();
    const frame = frameOf(stage, turnsOf(stage, view.next() < 0.15));
    const shade = noisePlane(stage, frame, 2, 2, 0.3);
    const value = bright ? ground : 0.85 - ground;
    shadeFill(canvas, [value, value, value], shade);
    const pitchX = stage.side * product.uniform(0.07, 0.15);
    const pitchY = pitchX * product.uniform(0.6, 1.3);
    const radius = Math.max(0.75, stage.side * product.uniform(0.008, 0.016));
    const stagger = product.pick([0, 0.5, 0.5, 0.33]);
    const drift = product.uniform(-0.08, 0.08);
    const dots = stage.work.cover();
    const elements = [];
    const reach = Math.ceil(Math.sqrt(width * width + height * height) / 2 / Math.min(pitchX, pitchY)) + 1;
    const u0 = view.next();
    const v0 = view.next();
    const grow = view.uniform(-0.25, 0.25);
    for (let row = -reach; row <= reach; row++) {
      for (let column = -reach; column <= reach; column++) {
        const u = (column + u0 + drift * row * 0.2) * pitchX;
        const v = (row + v0 + (column & 1) * stagger) * pitchY;
        const x = frame.cx + u * frame.cos - v * frame.sin;
        const y = frame.cy + u * frame.sin + v * frame.cos;
        if (x < -4 || y < -4 || x > width + 4 || y > height + 4) continue;
        const size = radius * (1 + grow * ((x / width) * 2 - 1));
        coverEllipse(dots, x, y, size, size * 1.15, 1, 0, 1.8);
        elements.push({ x, y, rx: radius * 2.2, ry: radius * 2.2, cos: 1, sin: 0 });
      }
    }
    const dot = bright ? product.uniform(0.75, 1) : product.uniform(0.05, 0.25);
    paint(canvas, dots, [dot, dot, dot]);
    const inner = bright ? 0.85 : 0.15;
    return scene(canvas, {
      inner: [inner, inner, inner],
      grain: [cosTurns(0.1), sinTurns(0.1)],
      look: bright ? "dark" : "bright",
      gray: true,
      elements,
      bare: [value, value, value],
    });
  },
};

/** Adds two turned line patterns; used by paper-like kinds. */
function crossLines(canvas: Canvas, p: Float32Array, q: Float32Array, fp: number, fq: number, depth: number): void {
  for (let i = 0; i < p.length; i++) {
    const s = 1 + depth * (sinTurns(p[i]! * fp) + sinTurns(q[i]! * fq)) * 0.5;
    canvas.r[i] = canvas.r[i]! * s;
    canvas.g[i] = canvas.g[i]! * s;
    canvas.b[i] = canvas.b[i]! * s;
  }
}

const cardboard: Kind = {
  id: "cardboard",
  nouns: ["cardboard", "piece of cardboard", "paper board"],
  surface: "paper",
  sound: ["the paper is clean and flat", "the fibres of the paper are even", "the board is whole"],
  defects: ["scratch", "stain", "color anomaly", "foreign object", "hole", "deformation", "surface damage", "crack"],
  render(stage) {
    const { product, view } = stage;
    const pale = product.next() < 0.3;
    const color: Rgb = pale
      ? hsv(0.12, 0.08, product.uniform(0.75, 0.92))
      : hsv(0.085, product.uniform(0.3, 0.45), product.uniform(0.5, 0.75));
    const frame = frameOf(stage, turnsOf(stage, view.next() < 0.4));
    const shade = noisePlane(stage, frame, 12, 12, product.uniform(0.02, 0.06), 2);
    frameNoise(stage, frame, shade, 60, 130, product.uniform(0.04, 0.12));
    const canvas = stage.work.canvas();
    shadeFill(canvas, color, shade);
    const [p, q] = coordinates(stage, frame);
    crossLines(canvas, p, q, product.uniform(10, 30), product.uniform(0, 2), product.uniform(0.02, 0.14));
    return scene(canvas, { inner: scaleRgb(color, 0.4), grain: [frame.cos, frame.sin], look: pale ? "pale" : "brown" });
  },
};

export const TEXTURE_KINDS: readonly Kind[] = [
  brushedMetal,
  wovenFabric,
  woodGrain,
  leather,
  tileGrid,
  castSurface,
  granite,
  paintedPanel,
  carpet,
  ribbed,
  perforated,
  grille,
  lightGuide,
  cardboard,
];
