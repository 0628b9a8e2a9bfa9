/** The inspector's behaviour: streamed reasoning, keys, overlays, the strip, corrections, and a picture of a hundred megapixels. */
import { createRequire } from "node:module";
import { type InspectorState, inspectorPanel } from "@iad-r1/protocol/webview";
import { afterAll, afterEach, expect, it } from "vitest";
import { busyMs, closeBrowser, patienceMs, until } from "./helpers/browser";
import { expectNoFaults, FakeHost } from "./helpers/fakeHost";
import { answerText, defect, finishedLook, idleLook, inspectorState, items, sampleFiles } from "./helpers/pictures";

/** What is used of it here; its own types want Node's. */
interface Drawing {
  withMetadata(metadata: { orientation: number }): Drawing;
  jpeg(options?: { quality: number }): { toBuffer(): Promise<Buffer> };
}
const sharp = createRequire(import.meta.url)("sharp") as (input: object) => Drawing;

type Host = FakeHost<typeof inspectorPanel>;
let open: Host | null = null;

afterEach(async () => {
  expectNoFaults(open);
  await open?.close();
  open = null;
});
afterAll(closeBrowser);

async function show(
  change: Partial<InspectorState> = {},
  answers: Parameters<typeof FakeHost.open>[2] = {},
  more: Parameters<typeof FakeHost.open>[3] = {},
): Promise<Host> {
  const host = await FakeHost.open(inspectorPanel, inspectorState(change), answers, { files: sampleFiles(), ...more });
  open = host;
  await host.page.waitForFunction(
    () => {
      const picture = document.querySelector("iad-picture") as unknown as { pictureSize: unknown } | null;
      return picture === null ? document.querySelector(".inspector") !== null : picture.pictureSize !== null;
    },
    undefined,
    { timeout: patienceMs },
  );
  // Fonts that come late move what stands beside the picture, and the scale at which it fits with it.
  await host.page.evaluate(() => document.fonts.ready.then(() => undefined));
  await host.page.waitForFunction(() => {
    const picture = document.querySelector("iad-picture") as unknown as { isSettled: boolean } | null;
    return picture === null || picture.isSettled;
  });
  return host;
}

function scale(host: Host): Promise<number> {
  return host.page.evaluate(() => (document.querySelector("iad-picture") as unknown as { scale: number }).scale);
}

/** Colour on the overlay at a share of the picture. */
function overlayAt(host: Host, x: number, y: number): Promise<number[]> {
  return host.page.evaluate(
    (at) => {
      const picture = document.querySelector("iad-picture") as unknown as HTMLElement & {
        scale: number;
        pictureSize: { width: number; height: number };
      };
      const canvas = picture.querySelector<HTMLCanvasElement>(".picture-overlay")!;
      const { width, height } = picture.pictureSize;
      const left = (canvas.width - width * picture.scale) / 2;
      const top = (canvas.height - height * picture.scale) / 2;
      return [
        ...canvas
          .getContext("2d")!
          .getImageData(left + at.x * width * picture.scale, top + at.y * height * picture.scale, 1, 1).data,
      ];
    },
    { x, y },
  );
}

it("shows the reasoning while it is written, tags as chips, and the verdict at the end", async () => {
  const host = await show();
  await host.page.getByRole("button", { name: "Inspect", exact: true }).click();
  expect(await host.waitForTell("look/start")).toEqual({ slot: 0 });
  const rate = { choices: [], anomalyScore: null, numTokens: 3, tokensPerSecond: 100 };
  await host.change("looks/replaced", [idleLook({ phase: "writing" })]);
  // A tag that is half written is not shown as text.
  await host.change("look/text", { slot: 0, at: 0, text: "<think>The edge is broken.</th", ...rate });
  await host.page.locator(".tag-think .tag-body", { hasText: "The edge is broken." }).waitFor();
  expect(await host.page.locator(".reasoning").innerText()).not.toContain("<");
  expect(await host.page.locator(".caret").count()).toBe(1);
  const top = async () => (await host.page.locator(".reasoning").boundingBox())!.y;
  const whileReading = await top();
  await host.change("look/text", { slot: 0, at: 30, text: "ink><location>top left</location>", ...rate });
  await host.page.locator(".tag-location .tag-body", { hasText: "top left" }).waitFor();
  await host.change("look/text", {
    slot: 0,
    at: 63,
    text: "<type>crack</type><answer>Yes</answer>",
    ...rate,
    anomalyScore: 0.9,
  });
  await host.page.locator(".verdict-defect", { hasText: "crack · top left" }).waitFor();
  await host.page.locator(".score", { hasText: "score 0.900" }).waitFor();
  // The verdict stands above what is being read, and does not push it away.
  expect(await top()).toBe(whileReading);
  await host.page.locator(".look-status", { hasText: "3 tokens · 100 tokens/s" }).waitFor();
  await host.page.keyboard.press("Escape");
  expect(await host.waitForTell("look/stop")).toEqual({ slot: 0 });
});

it("never takes a model's words for markup", async () => {
  const text = `<think><img src=x onerror="window.hacked=1"><b>bold</b></think><type><script>window.hacked=1</script></type><answer>maybe</answer>`;
  const host = await show({ looks: [finishedLook({ text, anomalyScore: null })] });
  await host.page.locator(".verdict-unparsed").waitFor();
  expect(await host.page.locator(".reasoning img, .reasoning b, .reasoning script").count()).toBe(0);
  expect(await host.page.locator(".reasoning").innerText()).toContain(
    '<img src=x onerror="window.hacked=1"><b>bold</b>',
  );
  expect(await host.page.evaluate(() => "hacked" in window)).toBe(false);
});

it("does everything by keyboard", async () => {
  const host = await show(
    { looks: [finishedLook()] },
    { "heat/get": () => ({ method: "occlusion", columns: 2, rows: 2, values: [1, 0, 0, -1], baseScore: 0.9 }) },
  );
  const { keyboard } = host.page;
  const fit = await scale(host);
  await keyboard.press("+");
  await until(async () => (await scale(host)) > fit * 1.3, true);
  await keyboard.press("1");
  await until(() => scale(host), 1);
  await keyboard.press("ArrowRight");
  // The pixel in the middle is read out, for those who have no pointer.
  await host.page.locator(".pixel", { hasText: /x \d+, y \d+\s*\d+ \d+ \d+/ }).waitFor();
  await keyboard.press("0");
  await until(() => scale(host), fit);
  await keyboard.press("g");
  await until(async () => (await scale(host)) > fit, true);
  await host.page.getByRole("button", { name: "Ground truth", pressed: true }).waitFor();
  await keyboard.press("l");
  await host.page.getByRole("button", { name: "Location grid", pressed: false }).waitFor();
  await keyboard.press("h");
  await host.page.locator(".picture-foot", { hasText: "Occlusion" }).waitFor();
  await keyboard.press("]");
  await host.page.getByRole("status").filter({ hasText: "Opacity of overlays: 60 %" }).waitFor();
  await keyboard.press("j");
  const at = inspectorState().items.findIndex(({ id }) => id === defect.id);
  expect(await host.waitForTell("item/select")).toEqual({ id: inspectorState().items[at + 1]!.id });
  await keyboard.press("k");
  expect(await host.waitForTell("item/select", 1)).toEqual({ id: inspectorState().items[at - 1]!.id });
  await keyboard.press("s");
  await host.waitForTell("look/start");
  await keyboard.press("x");
  expect(await host.waitForTell("model/pick")).toEqual({ slot: 1 });
});

it("does the commands of VS Code as its own buttons would", async () => {
  const host = await show({ looks: [finishedLook()] });
  await host.command("toggleTruth");
  await host.page.getByRole("button", { name: "Ground truth", pressed: true }).waitFor();
  await host.command("lessOpacity");
  await host.page.getByRole("status").filter({ hasText: "Opacity of overlays: 40 %" }).waitFor();
  await host.command("zoomActual");
  await host.command("panRight");
  await host.page.locator(".pixel", { hasText: /x \d+, y \d+/ }).waitFor();
  await host.command("copyReasoning");
  expect(await host.waitForTell("text/copy")).toEqual({ text: answerText });
  await host.command("exportImage");
  const { name, data } = await host.waitForTell("file/save");
  expect(name).toBe(`${defect.id}-inspected.png`);
  expect(Buffer.from(data).subarray(1, 4).toString()).toBe("PNG");
});

it("draws the mask where the defect is, and the predicted cell where the answer says", async () => {
  const host = await show({
    looks: [finishedLook()],
    settings: { overlayOpacity: 1, locationGrid: false, threshold: null, canRun: true },
  });
  const { width, height } = (await host.page.evaluate(
    () =>
      (document.querySelector("iad-picture") as unknown as { pictureSize: { width: number; height: number } })
        .pictureSize,
  ))!;
  const [x0, y0, x1, y1] = defect.defects[0]!.box;
  const middle = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height] as const;
  expect((await overlayAt(host, ...middle))[3]).toBe(0);
  await host.page.keyboard.press("t");
  await until(async () => {
    for (let y = y0; y < y1; y += 4)
      for (const dx of [0.3, 0.5, 0.7]) {
        const [r, g, b, a] = await overlayAt(host, (x0 + dx * (x1 - x0)) / width, y / height);
        // Orange of the theme.
        if (a === 255 && r === 0xd1 && g === 0x86 && b === 0x16) return true;
      }
    return false;
  }, true);
  // "top center": the frame runs through the upper middle third, and nowhere below.
  const strip = async (y: number) => {
    const found: boolean[] = [];
    for (let i = 0; i < 12; i++) found.push((await overlayAt(host, 0.34 + i * 0.0015, y))[3]! > 0);
    return found.includes(true);
  };
  expect(await strip(0.2)).toBe(true);
  expect(await strip(0.9)).toBe(false);
});

it("keeps its tools in their places when the truth is shown, whatever the width", async () => {
  const host = await show();
  const heightAt = async (width: number) => {
    await host.page.setViewportSize({ width, height: 700 });
    return host.page.locator(".picture-area .toolbar").evaluate((bar) => bar.getBoundingClientRect().height);
  };
  const widths = [1400, 1100, 1040, 1000, 900, 700];
  const before = [];
  for (const width of widths) before.push(await heightAt(width));
  await host.page.keyboard.press("t");
  await host.page.getByRole("button", { name: "Ground truth", pressed: true }).waitFor();
  const after = [];
  for (const width of widths) after.push(await heightAt(width));
  expect(after).toEqual(before);
  await host.page.locator(".picture-area summary:has(.codicon-color-mode)").click();
  await host.page.getByRole("slider", { name: "Opacity of overlays" }).waitFor();
});

it("filters the strip with counts, and steps only through what is shown", async () => {
  const host = await show();
  const all = inspectorState().items;
  const missed = all.filter(({ outcome }) => outcome === "missed");
  await host.page.locator(".filter", { hasText: "Missed" }).click();
  expect(await host.page.locator(".filter", { hasText: "Missed" }).innerText()).toContain(String(missed.length));
  await host.page.locator(".strip-head", { hasText: `of ${missed.length}` }).waitFor();
  await host.page.keyboard.press("j");
  expect(await host.waitForTell("item/select")).toEqual({ id: missed[0]!.id });
  await host.page.locator(".strip select").first().selectOption("cookie");
  const both = missed.filter(({ category }) => category === "cookie");
  await host.page.locator(".strip-head", { hasText: `of ${both.length}` }).waitFor();
  expect(await host.page.getByRole("button", { name: "Inspect all" }).isDisabled()).toBe(false);
});

it("keeps few thumbnails in the page for ten thousand pictures", async () => {
  const many = items(10_000);
  const host = await show({ items: many });
  await host.page.locator(".strip-item").first().waitFor();
  await host.page.locator("iad-strip").evaluate((element) => {
    element.scrollLeft = 500_000;
  });
  await until(
    async () => (await host.page.locator(".strip-item").first().getAttribute("aria-posinset"))!.length > 3,
    true,
  );
  expect(await host.page.locator(".strip-item").count()).toBeLessThan(60);
});

it("saves a correction as a sample once it is complete", async () => {
  const host = await show({ looks: [finishedLook()] }, { "sample/save": () => ({ savedTo: "data/expert.json" }) });
  await host.page.keyboard.press("c");
  const save = host.page.getByRole("button", { name: "Save as Expert-AD sample" });
  await save.waitFor();
  const think = host.page.locator(".correction textarea");
  await think.fill("");
  await host.page.locator(".correction", { hasText: "Still needed: reasoning" }).waitFor();
  expect(await save.isDisabled()).toBe(true);
  await think.fill("A crack runs through the middle.");
  await save.click();
  await host.page.locator(".saved", { hasText: "data/expert.json" }).waitFor();
  const asked = host.received.find((message) => message.kind === "ask" && message.type === "sample/save");
  expect(asked).toMatchObject({
    body: {
      image: defect.id,
      label: "anomalous",
      location: defect.locations[0],
      type: "crack",
      think: "A crack runs through the middle.",
    },
  });
});

it("drops a heat map that comes when another picture is shown already", async () => {
  let give: (value: unknown) => void = () => undefined;
  const late = new Promise<unknown>((resolve) => {
    give = resolve;
  });
  const host = await show({ looks: [finishedLook()] }, { "heat/get": () => late });
  await host.page.keyboard.press("h");
  await host.page.locator(".picture-foot", { hasText: "Covering" }).waitFor();
  const { image } = inspectorState();
  await host.change("image/shown", { image: { ...image!, id: "other", name: "other.jpg" }, looks: [idleLook()] });
  give({ method: "occlusion", columns: 1, rows: 1, values: [1], baseScore: 1 });
  await host.page.locator(".picture-foot", { hasText: "other.jpg" }).waitFor();
  await host.page.locator(".picture-foot", { hasText: "needs a finished answer" }).waitFor();
  expect(await overlayAt(host, 0.1, 0.1)).toEqual([0, 0, 0, 0]);
});

it("shows the heat map of a picture that comes back with its answer, without being asked again", async () => {
  const heat = { method: "occlusion", columns: 1, rows: 1, values: [1], baseScore: 1 };
  const host = await show({}, { "heat/get": () => heat });
  const { image } = inspectorState();
  await host.change("image/shown", { image: image!, looks: [finishedLook()] });
  await host.page.keyboard.press("h");
  await host.page.locator(".picture-foot", { hasText: "Occlusion" }).waitFor();
  await host.change("image/shown", { image: { ...image!, id: "other", name: "other.jpg" }, looks: [finishedLook()] });
  await host.page.locator(".picture-foot", { hasText: "other.jpg" }).filter({ hasText: "Occlusion" }).waitFor();
});

it("judges as the strip does: with a threshold the score decides, not the written answer", async () => {
  const settings = { overlayOpacity: 0.5, locationGrid: true, threshold: 0.5, canRun: true };
  const text = "<think>The surface is even.</think><answer>No</answer>";
  const host = await show({ settings, looks: [finishedLook({ text, anomalyScore: 0.6 })] });
  await host.page
    .locator(".verdict-defect", { hasText: "Correct" })
    .filter({ hasText: "above the threshold" })
    .waitFor();
  await host.change("settings/changed", { ...settings, threshold: 0.7 });
  await host.page.locator(".verdict-good", { hasText: "Missed" }).waitFor();
});

it("says of an answer that cannot be read that it is so, also where the score decides", async () => {
  const host = await show({ looks: [finishedLook({ text: "<think>The surface is even.</think>" })] });
  await host.page.locator(".verdict-defect", { hasText: "No readable answer" }).waitFor();
});

it("zooms to the true cell where a data set gives no box, whatever the answer says", async () => {
  const { image } = inspectorState();
  const truth = { ...image!.truth!, boxes: [], locations: ["bottom right" as const] };
  const host = await show({ image: { ...image!, truth }, looks: [finishedLook()] });
  const fit = await scale(host);
  await host.page.keyboard.press("g");
  await until(async () => (await scale(host)) > fit, true);
  const { x, y } = await host.page.evaluate(() => {
    const picture = document.querySelector("iad-picture") as unknown as {
      current: { viewport: { centerX: number; centerY: number } };
    };
    const { centerX, centerY } = picture.current.viewport;
    return { x: centerX, y: centerY };
  });
  expect([x, y].map((share) => Math.round(share * 6))).toEqual([5, 5]);
});

it("shows the reference while b is held, and both when they stand beside each other", async () => {
  const host = await show({}, {}, { reducedMotion: true });
  const shown = () =>
    host.page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>(".picture-canvas")!;
      return canvas
        .getContext("2d")!
        .getImageData(canvas.width / 2, canvas.height / 2, 1, 1)
        .data.join();
    });
  const settled = () =>
    host.page.waitForFunction(() =>
      [...document.querySelectorAll("iad-picture")].every(
        (each) => (each as unknown as { isSettled: boolean }).isSettled,
      ),
    );
  await settled();
  const before = await shown();
  await host.page.keyboard.down("b");
  await host.page.locator(".picture-tag", { hasText: "Reference" }).waitFor();
  await until(async () => (await shown()) !== before, true);
  await host.page.keyboard.up("b");
  await until(shown, before);
  await host.page.locator(".picture-area select").selectOption("beside");
  await until(async () => host.page.locator("iad-picture").count(), 2);
});

it("runs no model in a workspace that is not trusted, and says so", async () => {
  const host = await show({ settings: { overlayOpacity: 0.5, locationGrid: true, threshold: null, canRun: false } });
  await host.page.locator(".notice", { hasText: "not trusted" }).waitFor();
  expect(await host.page.getByRole("button", { name: "Inspect", exact: true }).isDisabled()).toBe(true);
  await host.page.keyboard.press("s");
  await host.page.keyboard.press("l");
  expect(host.tells("look/start")).toEqual([]);
});

/** A picture without others beside it, which may not be shown yet. */
async function showAlone(file: Buffer): Promise<Host> {
  const { image } = inspectorState();
  const uri = "http://webview.test/samples/alone.jpg";
  open = await FakeHost.open(
    inspectorPanel,
    inspectorState({ items: [], image: { ...image!, uri, truth: null, references: [] } }),
    {},
    { files: { "/samples/alone.jpg": file } },
  );
  return open;
}

it("says why a picture cannot be shown", async () => {
  const { image } = inspectorState();
  open = await FakeHost.open(
    inspectorPanel,
    inspectorState({ image: { ...image!, uri: "http://webview.test/samples/broken.jpg" } }),
    {},
    {
      files: { ...sampleFiles(), "/samples/broken.jpg": Buffer.from("no picture") },
    },
  );
  await open.page.locator(".picture-status", { hasText: "cannot be shown" }).waitFor();
});

it("says that a picture is not there any more", async () => {
  const { image } = inspectorState();
  const uri = "http://webview.test/samples/gone.png";
  open = await FakeHost.open(
    inspectorPanel,
    inspectorState({ image: { ...image!, uri } }),
    {},
    { files: sampleFiles() },
  );
  await open.page.locator(".picture-status", { hasText: "The picture is not there any more" }).waitFor();
  // What the browser itself notes of it; nothing else may go wrong.
  expect(open.panel.faults.splice(0)).toEqual([expect.stringContaining("404")]);
  expect(open.panel.refused.splice(0)).toEqual([uri]);
});

it("shows a picture as it is stored, as a model gets it, whatever its orientation tag says", async () => {
  const turned = await sharp({ create: { width: 40, height: 20, channels: 3, background: "#8090a0" } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  const { page } = await showAlone(turned);
  await page.locator(".picture-foot", { hasText: "40 × 20" }).waitFor();
  await open!.close();
  const { image, items } = inspectorState();
  const thumbnail = image!.uri!;
  const strip = items.map((item) => ({ ...item, thumbnail }));
  const host = await show({ items: strip }, {}, { files: { ...sampleFiles(), [new URL(thumbnail).pathname]: turned } });
  const small = host.page.locator(".strip-item img").first();
  const width = () =>
    small.evaluate((element) => {
      Object.assign(element.style, { width: "auto", height: "auto" });
      return element.offsetWidth;
    });
  await until(width, 40);
});

it("opens a picture of a hundred megapixels without freezing", async () => {
  const large = await sharp({ create: { width: 10_000, height: 10_000, channels: 3, background: "#8090a0" } })
    .jpeg({ quality: 60 })
    .toBuffer();
  const { page } = await showAlone(large);
  const started = Date.now();
  const worked = await busyMs(page, () =>
    page.waitForFunction(
      () =>
        (document.querySelector("iad-picture") as unknown as { isSettled: boolean; pictureSize: unknown } | null)
          ?.isSettled,
      undefined,
      { timeout: patienceMs, polling: 250 },
    ),
  );
  console.log(
    `inspector: 100 megapixels shown after ${Date.now() - started} ms, of which the page itself worked ${Math.round(worked)} ms`,
  );
  const size = await page.evaluate(
    () => (document.querySelector("iad-picture") as unknown as { pictureSize: object }).pictureSize,
  );
  expect(size).toEqual({ width: 10_000, height: 10_000 });
  // Decoding alone takes longer than a second of processor time.
  expect(worked).toBeLessThan(1000);
  await page.keyboard.press("1");
  await until(() => scale(open!), 1);
  await page.keyboard.press("ArrowRight");
  await page.locator(".pixel", { hasText: /12[789] 14[345] (159|16[01])/ }).waitFor();
});

it("lets the score decide from a threshold on, and says what that is worth on the pictures whose truth is known", async () => {
  const judged = items(8).map((item, i) => ({
    ...item,
    label: i < 4 ? ("normal" as const) : ("anomalous" as const),
    answer: "no" as const,
    anomalyScore: (i + 1) / 10,
    outcome: i < 4 ? ("correct" as const) : ("missed" as const),
  }));
  const settings = { overlayOpacity: 0.5, locationGrid: true, threshold: null, canRun: true };
  const host = await show({ items: judged, settings, looks: [finishedLook()] });
  const worth = host.page.locator(".threshold-worth");
  await worth.filter({ hasText: "balanced accuracy 50 % on 8 pictures · false alarms: 0, missed: 4" }).waitFor();
  // The best lies between the highest score of a sound picture and the lowest of a faulty one.
  await host.page.getByRole("checkbox", { name: "Let the anomaly score decide" }).click();
  expect(await host.waitForTell("threshold/set")).toEqual({ value: 0.45 });
  await worth.filter({ hasText: "balanced accuracy 100 % on 8 pictures" }).waitFor();
  await worth.filter({ hasText: "as written, without a threshold: 50 %" }).waitFor();
  // While the slider moves only the page counts; the host hears of it at the end.
  const slider = host.page.getByRole("slider", { name: /^Threshold/ });
  await slider.evaluate((element) => {
    (element as HTMLInputElement).value = "0.75";
    element.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await worth.filter({ hasText: "balanced accuracy 62.5 % on 8 pictures · false alarms: 0, missed: 3" }).waitFor();
  expect(host.tells("threshold/set")).toHaveLength(1);
  await slider.evaluate((element) => void element.dispatchEvent(new Event("change", { bubbles: true })));
  expect(await host.waitForTell("threshold/set", 1)).toEqual({ value: 0.75 });
  await host.page.getByRole("button", { name: "Best", exact: true }).click();
  expect(await host.waitForTell("threshold/set", 2)).toEqual({ value: 0.45 });
});

it("marks the words in which two answers differ, when both are there", async () => {
  const other = finishedLook({ model: "grpo", text: answerText.replace("<think>", "<think>Truly, ") });
  const host = await show({ looks: [finishedLook(), idleLook({ model: "grpo" })] });
  expect(await host.page.locator(".own-words").count()).toBe(0);
  await host.change("looks/replaced", [finishedLook(), other]);
  await host.page.locator(".own-words").waitFor();
  expect(await host.page.locator(".own-words").allInnerTexts()).toEqual(["Truly,"]);
  await host.page.keyboard.press("d");
  await until(() => host.page.locator(".own-words").count(), 0);
  await host.page.getByRole("button", { name: /^Mark the words/ }).click();
  await until(() => host.page.locator(".own-words").count(), 1);
});

it("shows how sure the model was of each word, and what it might have written instead", async () => {
  const token = (text: string, probability: number, ...others: [string, number][]) => ({
    ...{ text, probability },
    alternatives: others.map(([other, share]) => ({ text: other, probability: share })),
  });
  const first = [token("<think>", 1, ["<", 0.0004]), token("A", 0.9), token(" scratch", 0.51, [" dent", 0.3])];
  const host = await show({ looks: [idleLook({ phase: "writing", text: "<think>A scratch", choices: first })] });
  expect(await host.page.locator(".token").count()).toBe(0);
  await host.page.locator("iad-picture").focus();
  await host.page.keyboard.press("p");
  await until(() => host.page.locator(".token").allInnerTexts(), ["A", " scratch"]);
  // Tab leads to the first word, not to the tag before it.
  expect(await host.page.locator('.token[tabindex="0"]').allInnerTexts()).toEqual(["A"]);
  // Where it was less sure the word is tinted more.
  const tints = await host.page
    .locator(".token")
    .evaluateAll((all) => all.map((each) => each.style.getPropertyValue("--doubt")));
  expect(tints).toEqual(["10%", "49%"]);
  const rate = { anomalyScore: null, numTokens: 5, tokensPerSecond: 100 };
  const more = [token("</think>", 0.8), token("\n", 0.7)];
  await host.change("look/text", { slot: 0, at: 16, text: "</think>\n", choices: more, ...rate });
  await host.page.locator(".token", { hasText: "scratch" }).hover();
  const rows = host.page.locator(".token-detail tr");
  await until(
    async () => (await rows.allInnerTexts()).map((row) => row.replace(/\s+/g, " ").trim()),
    ["␣scratch (written) 51.0 %", "␣dent 30.0 %"],
  );
  // By keys as well, without moving the picture.
  const before = await scale(host);
  await host.page.locator(".token", { hasText: "scratch" }).focus();
  await host.page.keyboard.press("ArrowLeft");
  // A filter by text would take " scratch" for it too: filters do not tell capitals from small letters.
  await until(() => host.page.locator('.token[aria-pressed="true"]').allInnerTexts(), ["A"]);
  expect(await host.page.locator('.token[tabindex="0"]').allInnerTexts()).toEqual(["A"]);
  expect(await scale(host)).toBe(before);
  await host.page.keyboard.press("p");
  await until(() => host.page.locator(".token").count(), 0);
});

it("says that a picture is being decoded, and why it cannot be shown", async () => {
  const { image } = inspectorState();
  const host = await show({ image: { ...image!, uri: null } });
  await host.page.getByText("The server is decoding the picture").waitFor();
  const problem = "part.tif: expected 8 bits a channel, got 16.";
  await host.change("image/shown", { image: { ...image!, uri: null, problem }, looks: [idleLook()] });
  await host.page.getByText(problem).waitFor();
  await host.change("image/shown", { image, looks: [idleLook()] });
  await host.page.locator("iad-picture").waitFor();
});
