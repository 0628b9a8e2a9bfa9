/**
 * The packages that cannot be bundled because they hold binaries, cut down to what one platform runs. Binaries of other platforms than
 * this one come from the registry by npm's own client and are compared with package-lock.json.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cache = join(root, ".cache", "packages");

/** VS Code's name of a platform to Node's. */
export const platforms = {
  "linux-x64": { os: "linux", cpu: "x64" },
  "linux-arm64": { os: "linux", cpu: "arm64" },
  "win32-x64": { os: "win32", cpu: "x64" },
  "win32-arm64": { os: "win32", cpu: "arm64" },
  "darwin-arm64": { os: "darwin", cpu: "arm64" },
};

/** Plain JavaScript that the native packages load; all other of their dependencies serve their installation only. */
const plainPackages = [
  { name: "onnxruntime-common", keep: ["dist/cjs"] },
  { name: "sharp", keep: ["dist"] },
  { name: "@img/colour", keep: null },
  { name: "detect-libc", keep: ["lib"] },
  { name: "semver", keep: ["index.js", "preload.js", "classes", "functions", "internal", "ranges"] },
];

/**
 * Copies the native packages for a platform.
 *
 * @param target   key of `platforms`
 * @param folder   the `node_modules` to fill
 * @returns names and source folders of the packages, for the notices
 */
export function copyNativeParts(target, folder) {
  const { os, cpu } = platforms[target];
  const used = [];
  const copy = (name, source, keep) => {
    const to = join(folder, name);
    mkdirSync(to, { recursive: true });
    cpSync(join(source, "package.json"), join(to, "package.json"));
    for (const part of keep ?? readdirSync(source)) {
      if (!existsSync(join(source, part))) continue;
      cpSync(join(source, part), join(to, part), { recursive: true, filter: isWanted });
    }
    used.push({ name, folder: source });
  };

  for (const { name, keep } of plainPackages) copy(name, join(root, "node_modules", name), keep);
  const ort = join(root, "node_modules", "onnxruntime-node");
  copy("onnxruntime-node", ort, ["dist", join("bin", "napi-v6", os, cpu)]);
  removeTwins(join(folder, "onnxruntime-node", "bin", "napi-v6", os, cpu));
  const sharp = [`@img/sharp-${os}-${cpu}`, ...(os === "win32" ? [] : [`@img/sharp-libvips-${os}-${cpu}`])];
  for (const name of sharp) copy(name, packageFolder(name), null);
  return used;
}

/** Not source maps, types or documentation. Licences are in the notices. */
function isWanted(path) {
  return !/\.(map|d\.ts|d\.cts|d\.mts|md|ts)$/.test(path);
}

/** macOS carries its library twice; the binding loads the one with the shorter name. */
function removeTwins(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".dylib"));
  const [kept, ...twins] = names.sort((a, b) => a.length - b.length);
  for (const twin of twins) {
    if (readFileSync(join(folder, twin)).equals(readFileSync(join(folder, kept)))) rmSync(join(folder, twin));
  }
}

/** Where a package lies: in node_modules, or in the cache after it was fetched. */
function packageFolder(name) {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages[`node_modules/${name}`];
  if (lock === undefined) throw new Error(`${name} is not in package-lock.json.`);
  const installed = join(root, "node_modules", name);
  if (existsSync(join(installed, "package.json"))) return installed;
  const folder = join(cache, `${name.replaceAll("/", "+")}-${lock.version}`);
  if (existsSync(join(folder, "package", "package.json"))) return join(folder, "package");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const command = ["pack", `${name}@${lock.version}`, "--silent", "--pack-destination", folder];
  const options = { cwd: dirname(folder), encoding: "utf8", shell: process.platform === "win32" };
  const tarball = join(folder, execFileSync("npm", command, options).trim().split("\n").at(-1));
  const hash = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  if (hash !== lock.integrity) {
    rmSync(folder, { recursive: true });
    throw new Error(`${name}@${lock.version}: expected the contents ${lock.integrity}, got ${hash}.`);
  }
  execFileSync("tar", ["xzf", tarball], { cwd: folder });
  rmSync(tarball);
  return join(folder, "package");
}
