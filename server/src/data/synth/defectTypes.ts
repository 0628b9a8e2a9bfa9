/**
 * The names of the defects that the generator can make, as they stand in `<type>`, with the reference's categories.
 * "crack" and "pitting" are words of real inspection data outside the reference's 60 keys; the others are keys.
 */

export const DEFECT_TYPES = [
  "scratch",
  "stain",
  "color anomaly",
  "foreign object",
  "missing part",
  "notch",
  "hole",
  "deformation",
  "crack",
  "surface damage",
  "wear",
  "pitting",
] as const;

export type DefectType = (typeof DEFECT_TYPES)[number];
