// Lines that stand on each other. Pure.

type Column = readonly (number | null | undefined)[];

/** Each column with all before it; where none is known, neither is their sum. */
export function sums(columns: readonly Column[]): (number | null)[][] {
  const done: (number | null)[][] = [];
  for (const column of columns) {
    const below = done.at(-1);
    done.push(column.map((value, i) => (typeof value === "number" ? (below?.[i] ?? 0) + value : (below?.[i] ?? null))));
  }
  return done;
}
