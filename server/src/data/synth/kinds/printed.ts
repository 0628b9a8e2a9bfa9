/** Kinds with a laid-out pattern: circuit board, solar cell under electroluminescence, printed label. */
import {
  type Cover,
  coverBox,
  coverEllipse,
  coverSegment,
  hsv,
  lighten,
  luminance,
  paint,
  type Rgb,
  scaleRgb,
  tint,
} from "../canvas";
import { bell, clamp, smoothstep } from "../numeric";
import {
  coordinates,
  type Element,
  frameNoise,
  frameOf,
  type Kind,
  namedColor,
  noisePlane,
  scene,
  shadeFill,
  shadePaint,
} from "../scene";

const circuitBoard: Kind = {
  id: "circuit_board",
  nouns: ["circuit board", "printed circuit board", "board with copper traces"],
  surface: "traces",
  sound: ["the traces are complete", "the pads and traces are clean", "all tracks run without a gap"],
  defects: ["scratch", "stain", "color anomaly", "foreign object", "missing part", "hole", "crack", "surface damage"],
  element: "a pad or a piece of a trace",
  render(stage) {
    const { product, view, side, width, height } = stage;
    const mask = product.pick<{ name: string; rgb: Rgb }>([
      { name: "green", rgb: [0.06, 0.34, 0.18] },
      { name: "green", rgb: [0.1, 0.42, 0.2] },
      { name: "blue", rgb: [0.07, 0.17, 0.42] },
      { name: "red", rgb: [0.5, 0.09, 0.09] },
      { name: "black", rgb: [0.1, 0.1, 0.11] },
      { name: "white", rgb: [0.84, 0.84, 0.82] },
    ]);
    const frame = frameOf(stage, 0.25 * product.int(4) + view.uniform(-0.012, 0.012));
    const shade = noisePlane(stage, frame, 3, 3, 0.08);
    frameNoise(stage, frame, shade, 90, 90, product.uniform(0.02, 0.08));
    const canvas = stage.work.canvas();
    shadeFill(canvas, mask.rgb, shade);
    const pitch = side * product.uniform(0.055, 0.09);
    const half = pitch * product.uniform(0.13, 0.24);
    const zoom = view.uniform(0.95, 1.1);
    const dx = view.uniform(-0.5, 0.5);
    const dy = view.uniform(-0.5, 0.5);
    const place = (u: number, v: number): [number, number] => {
      const a = (u + dx) * pitch * zoom;
      const b = (v + dy) * pitch * zoom;
      return [frame.cx + a * frame.cos - b * frame.sin, frame.cy + a * frame.sin + b * frame.cos];
    };
    const traces = stage.work.cover();
    const pads = stage.work.cover();
    const vias = stage.work.cover();
    const elements: Element[] = [];
    const reach = Math.ceil((Math.max(width, height) * 0.75) / pitch);
    const line = (cover: Cover, u0: number, v0: number, u1: number, v1: number, h: number) => {
      const [ax, ay] = place(u0, v0);
      const [bx, by] = place(u1, v1);
      coverSegment(cover, ax, ay, h, bx, by, h, 1.1);
    };
    // Buses of parallel traces with a 45° jog; ends in vias.
    for (let v = -reach; v < reach; ) {
      const lanes = 1 + product.int(4);
      const start = -reach + product.int(reach);
      const jog = start + 2 + product.int(reach);
      const shift = product.pick([-3, -2, 2, 3, 0]);
      const end = jog + 2 + product.int(reach);
      for (let k = 0; k < lanes; k++) {
        line(traces, start, v + k, jog, v + k, half);
        line(traces, jog, v + k, jog + Math.abs(shift), v + k + shift, half);
        line(traces, jog + Math.abs(shift), v + k + shift, end, v + k + shift, half);
        for (const [from, to, row] of [
          [start, jog, v + k],
          [jog + Math.abs(shift), end, v + k + shift],
        ] as const) {
          for (let u = from + 1; u < to - 1; u += 2) {
            const [x, y] = place(u, row);
            elements.push({ x, y, rx: pitch * 0.7, ry: half * 2.2, cos: frame.cos, sin: frame.sin });
          }
        }
        for (const [u, w] of [
          [start, v + k],
          [end, v + k + shift],
        ] as const) {
          const [x, y] = place(u, w);
          coverEllipse(pads, x, y, half * 2, half * 2, 1, 0, 1.1);
          coverEllipse(vias, x, y, half * 0.85, half * 0.85, 1, 0, 1.1);
        }
      }
      v += lanes + 1 + product.int(4);
    }
    const copper =
      luminance(mask.rgb) > 0.5
        ? scaleRgb(mask.rgb, 0.8)
        : ([mask.rgb[0] * 1.25 + 0.06, mask.rgb[1] * 1.25 + 0.09, mask.rgb[2] * 1.2 + 0.05] as Rgb);
    shadePaint(canvas, traces, copper, shade);
    const metal: Rgb = product.next() < 0.5 ? [0.82, 0.68, 0.34] : [0.72, 0.73, 0.75];
    // Rows of component pads and chips.
    const chips = stage.work.cover();
    const groups = 1 + product.int(3);
    for (let k = 0; k < groups; k++) {
      const u0 = product.int(2 * reach) - reach;
      const v0 = product.int(2 * reach) - reach;
      const count = 2 + product.int(6);
      const wide = 2 + product.int(3);
      for (let j = 0; j < count; j++) {
        for (const row of [0, wide]) {
          const [x, y] = place(u0 + j, v0 + row);
          coverBox(pads, x, y, pitch * 0.28, pitch * 0.42, frame.cos, frame.sin, 1.1);
          elements.push({ x, y, rx: pitch * 0.36, ry: pitch * 0.5, cos: frame.cos, sin: frame.sin });
        }
      }
      if (product.next() < 0.6) {
        const [x, y] = place(u0 + (count - 1) / 2, v0 + wide / 2);
        coverBox(chips, x, y, pitch * (count / 2 + 0.1), pitch * (wide / 2 - 0.2), frame.cos, frame.sin, 1.2);
      }
    }
    shadePaint(canvas, pads, metal, shade);
    paint(canvas, vias, [0.08, 0.07, 0.06]);
    shadePaint(canvas, chips, [0.13, 0.13, 0.14], shade);
    if (product.next() < 0.5) {
      // Silk screen: frames and letters.
      const print = stage.work.cover();
      const u0 = product.int(reach) - reach / 2;
      const v0 = product.int(reach) - reach / 2;
      for (let k = 0; k < 4; k++) {
        line(print, u0 + k * 0.7, v0, u0 + k * 0.7, v0 + 0.9, pitch * 0.06);
        if (product.int(2) === 0)
          line(print, u0 + k * 0.7, v0, u0 + k * 0.7 + 0.4, v0 + 0.9 * product.int(2), pitch * 0.06);
      }
      paint(canvas, print, luminance(mask.rgb) > 0.5 ? [0.1, 0.1, 0.1] : [0.88, 0.88, 0.86]);
    }
    return scene(canvas, {
      inner: [0.72, 0.66, 0.48],
      grain: [frame.cos, frame.sin],
      look: mask.name,
      elements,
      bare: scaleRgb(mask.rgb, 0.92),
    });
  },
};

const solarCell: Kind = {
  id: "solar_cell",
  nouns: ["solar cell", "photovoltaic cell", "solar cell under test light"],
  surface: "cell",
  sound: [
    "the cell glows evenly",
    "the busbars are straight and whole",
    "only natural grain and the busbars can be seen",
  ],
  defects: ["crack", "color anomaly", "scratch", "surface damage", "stain"],
  render(stage) {
    const { product, view, side, width, height } = stage;
    const mono = product.next() < 0.3;
    const level = product.uniform(0.55, 0.82);
    const frame = frameOf(stage, 0.25 * (product.next() < 0.15 ? 1 : 0) + view.uniform(-0.004, 0.004));
    const [p, q] = coordinates(stage, frame);
    const shade = noisePlane(stage, frame, 2, 2, product.uniform(0.04, 0.14));
    frameNoise(stage, frame, shade, 90, 90, product.uniform(0.02, 0.07));
    if (!mono) {
      // Crystal grain: dark clouds and speckles are natural.
      const clouds = noisePlane(
        stage,
        frameOf(stage, view.next()),
        product.uniform(4, 8),
        product.uniform(4, 8),
        0.6,
        2,
      );
      frameNoise(stage, frameOf(stage, view.next()), clouds, 11, 11, 0.3);
      const specks = noisePlane(
        stage,
        frameOf(stage, view.next()),
        product.uniform(10, 20),
        product.uniform(18, 34),
        0.8,
      );
      frameNoise(stage, frameOf(stage, view.next()), specks, 40, 40, 0.4);
      const cloudy = product.uniform(0, 0.5);
      const speckled = product.uniform(0, 0.5);
      for (let i = 0; i < shade.length; i++) {
        const c = clouds[i]!;
        shade[i] =
          shade[i]! - cloudy * smoothstep(0.2, 0.8, c) - speckled * smoothstep(0.45, 0.95, specks[i]! + 0.35 * c);
      }
    }
    const canvas = stage.work.canvas();
    const margin = product.uniform(0, 0.03);
    const chamfer = mono ? product.uniform(0.86, 0.94) : 2;
    const dark = product.uniform(0.08, 0.25);
    const fade = product.uniform(0, 0.35);
    const lines = product.uniform(0, 0.04);
    const bars = 2 + product.int(4);
    const barAt = view.uniform(-0.02, 0.02);
    const half = product.uniform(0.005, 0.01);
    const dashes = product.next() < 0.35 ? product.uniform(3, 5) : 0;
    const { r, g, b } = canvas;
    const inside = (0.5 - margin) * Math.max(1, width / side);
    const insideQ = (0.5 - margin) * Math.max(1, height / side);
    for (let i = 0; i < p.length; i++) {
      const ap = p[i]! < 0 ? -p[i]! : p[i]!;
      const aq = q[i]! < 0 ? -q[i]! : q[i]!;
      const edge = Math.min(inside - ap, insideQ - aq, (chamfer - ap - aq) * 0.7);
      const lit = smoothstep(0, 0.02, edge);
      let s = 1 + shade[i]! - fade * (1 - smoothstep(0, 0.2, edge)) * 0.5 + lines * ((i & 3) - 1.5) * 0.6;
      const t = (q[i]! + 0.5 + barAt) * bars;
      const away = Math.abs(t - Math.floor(t) - 0.5) / bars;
      let wide = half;
      if (dashes > 0) {
        const f = p[i]! * dashes - Math.floor(p[i]! * dashes);
        wide = f < 0.45 ? half * 1.7 : half * 0.5;
      }
      const bar = clamp((wide - away) * side + 0.5, 0, 1) * lit;
      s += 0.06 * bell(away / 0.08);
      s *= 1 - 0.8 * bar;
      const value = dark * level + lit * (level * s - dark * level);
      r[i] = value;
      g[i] = value;
      b[i] = value;
    }
    return scene(canvas, {
      inner: [0.1, 0.1, 0.1],
      grain: [frame.cos, frame.sin],
      look: mono ? "bright" : "grainy",
      gray: true,
      crack: "dark",
    });
  },
};

const printedLabel: Kind = {
  id: "label",
  nouns: ["printed label", "label with bars", "paper label"],
  surface: "print",
  sound: ["the print is complete and sharp", "bars and letters are clean", "the label lies flat and whole"],
  defects: [
    "scratch",
    "stain",
    "color anomaly",
    "foreign object",
    "missing part",
    "notch",
    "hole",
    "deformation",
    "wear",
    "surface damage",
  ],
  element: "a piece of the print",
  render(stage) {
    const { product, view, side, width, height } = stage;
    let ground = namedColor(product, 0.3);
    // The paper is nearly white: it lies on something darker.
    for (let k = 0; k < 12 && luminance(ground.rgb) > 0.6; k++) ground = namedColor(product, 0.3);
    const frame = frameOf(stage, view.uniform(-0.03, 0.03) + (view.next() < 0.25 ? 0.25 : 0));
    const shade = noisePlane(stage, frame, 30, 60, product.uniform(0.02, 0.09));
    const background = stage.work.canvas();
    shadeFill(background, ground.rgb, shade);
    const canvas = stage.work.canvas();
    shadeFill(canvas, ground.rgb, shade);
    const body = stage.work.cover();
    const hx = width * product.uniform(0.42, 0.56);
    const hy = height * product.uniform(0.42, 0.56);
    const cx = frame.cx + view.uniform(-0.03, 0.03) * side;
    const cy = frame.cy + view.uniform(-0.03, 0.03) * side;
    coverBox(body, cx, cy, hx, hy, frame.cos, frame.sin, 1.3);
    const paper: Rgb =
      product.next() < 0.75
        ? hsv(0.12, product.uniform(0, 0.08), product.uniform(0.85, 0.97))
        : hsv(product.next(), 0.3, 0.85);
    shadePaint(canvas, body, paper, noisePlane(stage, frame, 60, 60, product.uniform(0.005, 0.03)));
    const ink: Rgb = product.next() < 0.7 ? [0.08, 0.08, 0.09] : hsv(product.next(), 0.7, 0.4);
    const print = stage.work.cover();
    const elements: Element[] = [];
    const box = (u: number, v: number, a: number, b: number, missing: boolean) => {
      const x = cx + u * frame.cos - v * frame.sin;
      const y = cy + u * frame.sin + v * frame.cos;
      coverBox(print, x, y, a, b, frame.cos, frame.sin, 1);
      if (missing) elements.push({ x, y, rx: a * 1.1 + 1, ry: b * 1.1 + 1, cos: frame.cos, sin: frame.sin });
    };
    // Rows from top to bottom: bar code, lines of words, or blocks.
    let v = -hy * 0.86;
    while (v < hy * 0.8) {
      const style = product.int(3);
      if (style === 0) {
        const tall = hy * product.uniform(0.18, 0.3);
        let u = -hx * 0.85;
        const unit = side * product.uniform(0.007, 0.012);
        while (u < hx * 0.85) {
          const wide = unit * (1 + product.int(3));
          box(u + wide, v + tall, wide, tall, false);
          u += 2 * wide + unit * (1.5 + product.int(3));
        }
        for (let k = -3; k <= 3; k++) {
          const x = cx + k * 0.24 * hx * frame.cos - (v + tall) * frame.sin;
          const y = cy + k * 0.24 * hx * frame.sin + (v + tall) * frame.cos;
          elements.push({ x, y, rx: hx * 0.12, ry: tall * 1.05, cos: frame.cos, sin: frame.sin });
        }
        v += 2 * tall + side * 0.05;
      } else if (style === 1) {
        const tall = side * product.uniform(0.012, 0.022);
        let u = -hx * 0.85;
        const end = hx * product.uniform(0.3, 0.85);
        while (u < end) {
          const wide = side * product.uniform(0.015, 0.055);
          box(u + wide, v + tall, wide, tall, wide > side * 0.03);
          u += 2 * wide + side * 0.03;
        }
        v += 2 * tall + side * 0.035;
      } else {
        const size = side * product.uniform(0.05, 0.11);
        const u = hx * product.uniform(-0.7, 0.7);
        box(u, v + size, size, size, true);
        if (product.int(2) === 0) box(clamp(u + 3 * size, -hx * 0.8, hx * 0.8), v + size, size * 0.5, size * 0.9, true);
        v += 2 * size + side * 0.05;
      }
    }
    for (let i = 0; i < print.data.length; i++) print.data[i] = print.data[i]! * body.data[i]!;
    paint(canvas, print, ink, product.uniform(0.8, 1));
    const edge = stage.work.cover();
    coverBox(edge, cx + side * 0.006, cy + side * 0.006, hx, hy, frame.cos, frame.sin, side * 0.02);
    for (let i = 0; i < edge.data.length; i++) edge.data[i] = edge.data[i]! * (1 - body.data[i]!);
    tint(canvas, edge, [0.75, 0.75, 0.75]);
    if (product.next() < 0.25) {
      const band = stage.work.cover();
      coverSegment(band, cx - hx, cy + hy * 0.5, side * 0.02, cx + hx, cy + hy * 0.4, side * 0.02, side * 0.06);
      lighten(canvas, band, 0.08);
    }
    return scene(canvas, {
      body: body.data,
      background,
      inner: ground.rgb,
      grain: [frame.cos, frame.sin],
      look: "printed",
      elements,
      bare: paper,
    });
  },
};

export const PRINTED_KINDS: readonly Kind[] = [circuitBoard, solarCell, printedLabel];
