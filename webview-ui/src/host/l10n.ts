/** Sentences in the language of the page. The tables are complete by type; here is only the choice and the filling in. */
import { type StringKey, strings as english } from "../strings/en";
import { strings as chinese } from "../strings/zhCn";

const table = /^zh\b(?!-(tw|hk|hant))/i.test(document.documentElement.lang) ? chinese : english;

export const locale = table === chinese ? "zh-CN" : "en";

/** `{name}` in the sentence becomes the value of that name, `{name|one|several}` the word that goes with it. */
export function t(key: StringKey, values: Readonly<Record<string, string | number>> = {}): string {
  return table[key].replace(
    /\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g,
    (whole, name: string, one?: string, several?: string) => {
      if (!(name in values)) return whole;
      return one === undefined ? String(values[name]) : String(values[name]) === "1" ? one : several!;
    },
  );
}

/** A number with a sensible count of digits. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
  return new Intl.NumberFormat(locale, {
    maximumSignificantDigits: Math.max(digits, size >= 1000 ? 7 : digits),
  }).format(value);
}

/** How long a short thing took: milliseconds, or seconds once they are what one would say. */
export function formatShortTime(ms: number): string {
  return ms < 1000
    ? t("duration.short", { ms: Math.round(ms) })
    : t("duration.s", { s: formatNumber(ms / 1000, ms < 100_000 ? 3 : 4) });
}

export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t("duration.s", { s: whole });
  if (whole < 3600) return t("duration.ms", { m: Math.floor(whole / 60), s: String(whole % 60).padStart(2, "0") });
  return t("duration.hm", { h: Math.floor(whole / 3600), m: String(Math.floor((whole % 3600) / 60)).padStart(2, "0") });
}

export function formatTime(ms: number): string {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
}

export function formatDate(ms: number): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(ms);
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${formatNumber(value, 3)} ${units[unit]}`;
}
