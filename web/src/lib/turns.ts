// Loads that take turns. Where events come faster than a load ends, none would ever end if each began
// anew. No Svelte and no clock in here.

export class Turns {
  #now: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** Begins at once, as for another filter: whoever runs it drops what is under way. */
  begin(load: () => Promise<void>): Promise<void> {
    const mine = load().finally(() => {
      if (this.#now === mine) this.#now = null;
    });
    this.#now = mine;
    return mine;
  }

  /**
   * Begins when nothing is under way: one load for all that ask meanwhile. Ends with a load that
   * began after it was asked for.
   */
  after(load: () => Promise<void>): Promise<void> {
    if (this.#now === null) return this.begin(load);
    const go = (): Promise<void> => {
      this.#next = null;
      return this.after(load);
    };
    this.#next ??= this.#now.then(go, go);
    return this.#next;
  }
}
