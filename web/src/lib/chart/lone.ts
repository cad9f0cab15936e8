// Samples that no line reaches. Pure.

/** Where a value has none known before it nor after it: a line would have no length, so a dot is drawn.
 *  `null` breaks the line, `undefined` only has no sample at that time. */
export function lone(column: readonly (number | null | undefined)[]): number[] {
  const told = [...column.keys()].filter((i) => column[i] !== undefined);
  const isKnown = (nth: number): boolean => typeof column[told[nth] ?? -1] === "number";
  return told.filter((_, nth) => isKnown(nth) && !isKnown(nth - 1) && !isKnown(nth + 1));
}
