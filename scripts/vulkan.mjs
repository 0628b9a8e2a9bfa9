/**
 * Finds a Vulkan device for the tests of WebGPU: the machine's own, or the one in software that Chromium brings along (SwiftShader).
 * For right numbers, not for speed.
 */
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ensureChromium } from "../test/e2e/setup.mjs";

/**
 * Variables for a process that shall find the device.
 *
 * @throws Error that says what to install
 */
export function vulkanEnvironment() {
  const { platform, env } = process;
  if (platform !== "linux" || env.VK_ICD_FILENAMES || env.VK_DRIVER_FILES || (hasDriver() && hasCard())) return {};
  const folder = softwareDriver(ensureChromium());
  if (folder === null) {
    throw new Error(
      "The tests of WebGPU need a Vulkan device; no driver is installed, and Chromium came without SwiftShader.\n" +
        "  cure:  install Debian's chromium package, or set VK_ICD_FILENAMES to the description of a driver.",
    );
  }
  const libraries = [folder, env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return {
    VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"),
    LD_LIBRARY_PATH: libraries,
    XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR ?? tmpdir(),
  };
}

function hasDriver() {
  const folders = (process.env.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(":");
  return ["/etc", ...folders].some((folder) => {
    const place = `${folder}/vulkan/icd.d`;
    return existsSync(place) && readdirSync(place).length > 0;
  });
}

/** Drivers come in one package for all cards, with one in software that may be too old (Debian 12's lavapipe is). */
function hasCard() {
  const nodes = existsSync("/dev/dri") ? readdirSync("/dev/dri") : [];
  return existsSync("/dev/nvidiactl") || nodes.some((name) => name.startsWith("renderD"));
}

/** Where Chromium keeps the driver: beside its binary, or where Debian puts both. */
function softwareDriver(chromium) {
  const beside = existsSync(chromium) ? [dirname(realpathSync(chromium))] : [];
  const found = [...beside, "/usr/lib/chromium", "/usr/lib/chromium-browser"].find((folder) =>
    ["vk_swiftshader_icd.json", "libvulkan.so.1"].every((name) => existsSync(join(folder, name))),
  );
  return found ?? null;
}
