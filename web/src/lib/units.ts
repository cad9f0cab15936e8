// How every number, unit and time is written. No other file formats a value.
// Absent values are written as an en dash, never as zero.

export const ABSENT = "–";

/** Narrow no-break space: keeps a number and its unit on one line. */
const GAP = "\u202f";

type Maybe = number | null | undefined;

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function known(value: Maybe): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Three significant figures, without an exponent and without needless zeros. */
function figures(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

function scaled(value: number, base: number, steps: readonly string[]): [number, string] {
  let rest = value;
  let at = 0;
  // 999.6 would be written as 1000 of the smaller unit.
  while (Math.abs(rest) >= base - base / 2000 && at < steps.length - 1) {
    rest /= base;
    at += 1;
  }
  return [rest, steps[at] ?? ""];
}

/** A whole number with thousands apart. */
export function count(value: Maybe): string {
  return known(value) ? grouped.format(value) : ABSENT;
}

/** Bits a second, decimal steps. */
export function bps(value: Maybe): string {
  if (!known(value)) return ABSENT;
  if (Math.abs(value) < 1000) return `${figures(value)}${GAP}bit/s`;
  const [rest, step] = scaled(value, 1000, ["", "k", "M", "G", "T", "P"]);
  return `${figures(rest)}${GAP}${step}bit/s`;
}

/** Octets, in the binary steps that memory and storage are sold and shown in. */
export function bytes(value: Maybe): string {
  if (!known(value)) return ABSENT;
  const [rest, step] = scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
  return `${figures(rest)}${GAP}${step}`;
}

/** Octets that one of many takes, to the hundredth: `1.65 B`. */
export function octetsEach(value: Maybe): string {
  return known(value) ? `${value.toFixed(2)}${GAP}B` : ABSENT;
}

/** A share of one, as a percentage. */
export function percent(ratio: Maybe): string {
  if (!known(ratio)) return ABSENT;
  const value = ratio * 100;
  if (value > 0 && value < 0.1) return `<${GAP}0.1${GAP}%`;
  return `${Number(value.toFixed(1))}${GAP}%`;
}

/** A share of time that something was there. Rounded down: what was away for a second was not 100 %. */
export function availability(ratio: Maybe): string {
  if (!known(ratio)) return ABSENT;
  if (ratio >= 1) return `100${GAP}%`;
  const parts = ratio >= 0.99 ? 1000 : ratio >= 0.9 ? 100 : 10;
  // A tenth of a billionth mends what binary fractions lose.
  return `${(Math.floor(ratio * 100 * parts + 1e-7) / parts).toFixed(Math.log10(parts))}${GAP}%`;
}

/** A short time such as a round trip, from seconds. */
export function shortTime(seconds: Maybe): string {
  if (!known(seconds)) return ABSENT;
  if (seconds === 0) return `0${GAP}s`;
  if (Math.abs(seconds) < 0.001) return `${figures(seconds * 1e6)}${GAP}µs`;
  if (Math.abs(seconds) < 1) return `${figures(seconds * 1e3)}${GAP}ms`;
  return `${figures(seconds)}${GAP}s`;
}

/** Packets or errors a second. */
export function perSecond(value: Maybe): string {
  if (!known(value)) return ABSENT;
  const [rest, step] = scaled(value, 1000, ["", "k", "M", "G"]);
  return `${figures(rest)}${step === "" ? "" : GAP + step}/s`;
}

const UNITS: Record<string, string> = {
  celsius: "°C",
  volts: "V",
  amperes: "A",
  watts: "W",
  hertz: "Hz",
  cubic_metres_per_second: "m³/s",
};

/** A value of any series in the unit that the server names. */
export function measured(value: Maybe, unit: string): string {
  if (!known(value)) return ABSENT;
  if (unit === "ratio") return percent(value);
  if (unit === "octets") return bytes(value);
  if (unit === "seconds") return shortTime(value);
  const text = figures(value);
  return unit === "" ? text : `${text}${GAP}${UNITS[unit] ?? unit}`;
}

/** A length of time for people, two steps at most: `3 d 4 h`, `11 min`, `12 s`. */
export function duration(ms: Maybe): string {
  if (!known(ms)) return ABSENT;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}${GAP}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${GAP}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, "h", minutes % 60, "min");
  const days = Math.floor(hours / 24);
  return days < 14 ? pair(days, "d", hours % 24, "h") : `${days}${GAP}d`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  const head = `${large}${GAP}${largeUnit}`;
  return small === 0 ? head : `${head} ${small}${GAP}${smallUnit}`;
}

/** How long ago an instant was: `12 s ago`; an instant to come is `just now`. */
export function ago(at: string | null | undefined, nowMs: number): string {
  if (!at) return ABSENT;
  const ms = nowMs - Date.parse(at);
  if (Number.isNaN(ms)) return ABSENT;
  return ms < 1000 ? "just now" : `${duration(ms)} ago`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const secondFormat = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const fullFormat = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** The time of an instant, with its date where that is not today. */
export function instant(at: string | null | undefined, nowMs: number): string {
  if (!at) return ABSENT;
  const when = new Date(at);
  if (Number.isNaN(when.getTime())) return ABSENT;
  const today = new Date(nowMs).toDateString() === when.toDateString();
  return today ? clockFormat.format(when) : `${dayFormat.format(when)} ${clockFormat.format(when)}`;
}

/** Date and time to the second, for titles and legends. */
export function fullInstant(at: string | number | null | undefined): string {
  if (at === null || at === undefined) return ABSENT;
  const when = new Date(at);
  return Number.isNaN(when.getTime()) ? ABSENT : fullFormat.format(when);
}

const utcDayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

/** A UTC day with its year, for what goes by such days: `3 Mar 2025`. */
export function utcDay(at: string | number | null | undefined): string {
  if (at === null || at === undefined) return ABSENT;
  const when = new Date(at);
  return Number.isNaN(when.getTime()) ? ABSENT : utcDayFormat.format(when);
}

/** A mark of a time axis whose marks are `stepSecs` apart. */
export function axisMark(unixSecs: number, stepSecs: number): string {
  const when = new Date(unixSecs * 1000);
  if (stepSecs >= 86_400) return dayFormat.format(when);
  if (stepSecs < 60) return secondFormat.format(when);
  const midnight = when.getHours() === 0 && when.getMinutes() === 0;
  return midnight ? dayFormat.format(when) : clockFormat.format(when);
}

/** `1 device`, `2 devices`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
