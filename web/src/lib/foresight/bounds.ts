// What is typed as a floor and a ceiling. Pure.

export type Wanted = { floor: number | null; ceiling: number | null } | { fault: string };

/** Reads both; an empty one is none. */
export function boundsOf(floor: string, ceiling: string): Wanted {
  const [low, top] = [read(floor), read(ceiling)];
  if (Number.isNaN(low)) return { fault: "The floor is no number." };
  if (Number.isNaN(top)) return { fault: "The ceiling is no number." };
  if (low !== null && top !== null && low >= top) return { fault: "The ceiling is over the floor." };
  return { floor: low, ceiling: top };
}

function read(text: string): number | null {
  const value = text.trim();
  if (value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : NaN;
}
