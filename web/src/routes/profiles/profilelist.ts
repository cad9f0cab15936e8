// Which profiles are shown, and what a new one begins with. Pure.

import type { ProfileSummary } from "../../lib/api/shapes";

export const BEGINNING = `summary = "Acme switches"

[[match]]
object_id = ["1.3.6.1.4.1.99999"]

[objects]
acmeTemp = "1.3.6.1.4.1.99999.2.1"

[device]
vendor = "Acme"

[[sensor]]
kind = "temperature"
value = "acmeTemp"
name = "Temperature {index}"
`;

/** Those with every word in name or summary; an operator's own first. */
export function shown(rows: readonly ProfileSummary[], search: string): ProfileSummary[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (row: ProfileSummary): boolean => words.every((word) => `${row.name} ${row.summary}`.toLowerCase().includes(word));
  return rows.filter(fits).sort((a, b) => Number(b.own) - Number(a.own) || a.name.localeCompare(b.name));
}
