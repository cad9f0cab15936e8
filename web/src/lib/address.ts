// What the address line holds: a path and a query. Pure; the router keeps it in step.

export interface Place {
  path: string;
  query: URLSearchParams;
}

/** The same place with some of its query changed; an empty or null value is left out. */
export function withQuery(place: Place, changes: Record<string, string | null | undefined>): string {
  const query = new URLSearchParams(place.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text === "" ? place.path : `${place.path}?${text}`;
}

/** The parts of `path` that `pattern` names with a colon, or null where they do not fit. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.replace(/\/+$/, "").split("/");
  if (path === "/" || path === "") given.splice(0, given.length, "", "");
  if (wanted.length !== given.length) return null;
  const parts: Record<string, string> = {};
  for (const [i, want] of wanted.entries()) {
    const have = given[i] ?? "";
    if (want.startsWith(":")) {
      if (have === "") return null;
      try {
        parts[want.slice(1)] = decodeURIComponent(have);
      } catch {
        return null;
      }
    } else if (want !== have) return null;
  }
  return parts;
}
