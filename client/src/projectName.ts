/** A name for the project in a folder, of letters that a run's id may have: those of other scripts leave nothing but dashes. */
export function proposedName(folder: string): string {
  const name = folder.replaceAll(/[^\w-]+/g, "-").slice(0, 60);
  return name.replaceAll(/^-+|-+$/g, "") || "inspection";
}
