/** The licences of everything that is inside a package: what esbuild bundled, and what was copied whole. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Texts for packages that name a licence and do not carry its text. */
const licences = fileURLToPath(new URL("licences", import.meta.url));

/** Folders of the packages whose files went into bundles, from esbuild's metafiles. */
export function bundledPackages(metafiles) {
  const names = new Map();
  for (const { outputs } of metafiles) {
    for (const { inputs } of Object.values(outputs)) {
      for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
        const found = path.match(/^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//);
        if (found !== null && bytesInOutput > 0) names.set(found[2], join(root, found[1]));
      }
    }
  }
  return [...names].map(([name, folder]) => ({ name, folder }));
}

/**
 * @param packages `{name, folder}`; a folder without a licence text is an error
 * @returns the text of ThirdPartyNotices.txt
 */
export function notices(packages) {
  const byName = new Map(packages.map((each) => [each.name, each]));
  const sections = [...byName.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, folder }) => {
      const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const title = `${name} ${version} (${license})`;
      return `${title}\n${"=".repeat(title.length)}\n\n${licenceText(name, folder, license)}\n`;
    });
  return ["IAD-R1 for VS Code contains the following packages, each under its own licence.\n", ...sections].join(
    "\n\n",
  );
}

/** A package's own texts; otherwise the texts of the licences that it names, with who holds the rights. */
function licenceText(name, folder, license) {
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice|thirdpartynotices)/i.test(file));
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (texts.length === 0) {
    const { author } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const holder = typeof author === "string" ? author : (author?.name ?? `the authors of ${name}`);
    texts.push(
      `Copyright (c) ${holder}`,
      ...license
        .split(/[() ]+(?:AND|OR)?[() ]*/)
        .filter(Boolean)
        .map(knownText),
    );
  }
  // What is inside libvips, and under which licences, stands in its readme only.
  if (name.startsWith("@img/sharp-libvips") || name.startsWith("@img/sharp-win32")) {
    texts.push(readFileSync(join(folder, "README.md"), "utf8").trim());
  }
  return texts.join("\n\n");
}

function knownText(licence) {
  const file = join(licences, `${licence}.txt`);
  if (!existsSync(file)) throw new Error(`There is no text of the licence ${licence} in ${licences}.`);
  return readFileSync(file, "utf8").trim();
}
