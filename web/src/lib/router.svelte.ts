// The address line as state: where the page is, and how to go elsewhere. The back button works
// because every view is an address.

import { withQuery, type Place } from "./address";

class Router {
  place = $state.raw<Place>(read());

  constructor() {
    window.addEventListener("popstate", () => (this.place = read()));
    document.addEventListener("click", (event) => this.#follow(event));
  }

  go(to: string, { replace = false } = {}): void {
    if (to === location.pathname + location.search) return;
    if (replace) history.replaceState(history.state, "", to);
    else history.pushState({ steps: this.#steps() + 1 }, "", to);
    const before = this.place.path;
    this.place = read();
    if (this.place.path !== before) {
      window.scrollTo(0, 0);
      // A screen reader and the tab key go on from the new view's heading.
      requestAnimationFrame(() => document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true }));
    }
  }

  /** Changes some of the query; a choice that is typed letter by letter replaces, others are added. */
  set(changes: Record<string, string | null | undefined>, options?: { replace?: boolean }): void {
    this.go(withQuery(this.place, changes), options);
  }

  /** Goes back within the page; where one came straight to this view, makes the changes instead. */
  back(changes: Record<string, string | null>): void {
    if (this.#steps() > 0) history.back();
    else this.set(changes, { replace: true });
  }

  /** How many views of the page lie before this one. */
  #steps(): number {
    const state: unknown = history.state;
    return typeof state === "object" && state !== null && "steps" in state && typeof state.steps === "number" ? state.steps : 0;
  }

  /** For a view whose code came late: its heading takes the focus that was meant for it. */
  arrived(): void {
    if (this.#steps() > 0 && document.activeElement === document.body) document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }

  query(name: string): string | null {
    return this.place.query.get(name);
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.hash !== "" && link.pathname === location.pathname) return;
    // Outside the page: the API's own documentation.
    if (/^\/(docs|openapi\.json|api|metrics)\b/.test(link.pathname)) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

function read(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

export const router = new Router();
