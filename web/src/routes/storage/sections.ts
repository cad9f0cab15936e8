// The sections of the page, as the address names them. Pure.

export const SECTIONS = [
  { name: "overview", label: "Overview" },
  { name: "retention", label: "Retention" },
  { name: "archive", label: "Archive" },
  { name: "backups", label: "Backups" },
  { name: "series", label: "Series" },
  { name: "work", label: "Work" },
] as const;

export type SectionName = (typeof SECTIONS)[number]["name"];
export type Section = (typeof SECTIONS)[number];

/** The section that an address asks for; the first where it asks for none that there is. */
export function sectionOf(text: string | null, there: readonly Section[]): SectionName {
  return there.find((one) => one.name === text)?.name ?? SECTIONS[0].name;
}

/** The section that a key goes to; null where the key goes nowhere. */
export function sectionByKey(key: string, now: SectionName, there: readonly Section[]): SectionName | null {
  const at = there.findIndex((one) => one.name === now);
  const to = key === "ArrowRight" ? at + 1 : key === "ArrowLeft" ? at - 1 : key === "Home" ? 0 : key === "End" ? -1 : null;
  return to === null ? null : (there.at(to % there.length)?.name ?? null);
}
