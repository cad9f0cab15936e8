// Long work of the server, looked at more often while some of it is under way.

import { reason } from "../../lib/api/call";
import type { Job } from "../../lib/api/shapes";
import { jobs as routes } from "../../lib/api/storage";
import { Fetched } from "../../lib/fetched.svelte";
import { isOver } from "./jobwords";

/** How often they are asked for while one is under way, and else. */
export const LIVE_MS = 2000;
export const QUIET_MS = 30_000;

interface Answer {
  /** Null where the server has no jobs. */
  jobs: Job[] | null;
}

export class Jobs {
  problem = $state<string | null>(null);
  #answer: Fetched<Answer>;
  #askedAt = 0;
  #open = new Set<string>();
  /** Of each that is under way how far it was; one that went back has no bar any more. */
  #farthest = new Map<string, number>();
  #wentBack = $state.raw<ReadonlySet<string>>(new Set());
  #told = new Set<(job: Job) => void>();

  constructor(ask: (signal: AbortSignal) => Promise<Job[] | null> = (signal) => routes.latest(signal)) {
    this.#answer = new Fetched(async (signal) => {
      this.#askedAt = Date.now();
      const jobs = await ask(signal);
      this.#take(jobs ?? []);
      return { jobs };
    });
  }

  /** The latest first; empty while nothing is known. */
  get list(): readonly Job[] {
    return this.#answer.value?.jobs ?? [];
  }
  /** Whether the server has jobs; null while that is not known. */
  get there(): boolean | null {
    return this.#answer.value === null ? null : this.#answer.value.jobs !== null;
  }
  get error(): string | null {
    return this.#answer.error;
  }
  one(id: string | null | undefined): Job | null {
    return this.list.find((job) => job.id === id) ?? null;
  }
  wentBack(id: string): boolean {
    return this.#wentBack.has(id);
  }

  /** Looks at them until the returned function is called. */
  watch(): () => void {
    void this.#answer.load();
    const look = (): void => {
      const visible = document.visibilityState === "visible";
      const due = this.list.some((job) => !isOver(job)) && visible ? LIVE_MS : QUIET_MS;
      // A timer may be a little early.
      if (visible && this.there !== false && Date.now() - this.#askedAt >= due - 100) void this.again();
    };
    const timer = setInterval(look, LIVE_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
      this.#answer.stop();
    };
  }

  again(): Promise<void> {
    return this.#answer.again();
  }

  /** Is called with each job that was seen under way and is over. */
  onEnded(told: (job: Job) => void): () => void {
    this.#told.add(told);
    return () => this.#told.delete(told);
  }

  async cancel(id: string): Promise<void> {
    this.problem = null;
    try {
      await routes.cancel(id);
    } catch (error) {
      this.problem = reason(error);
    }
    await this.again();
  }

  #take(jobs: readonly Job[]): void {
    const ended = jobs.filter((job) => isOver(job) && this.#open.has(job.id));
    this.#open = new Set(jobs.filter((job) => !isOver(job)).map((job) => job.id));
    const back = new Set(this.#wentBack);
    for (const { id, done } of jobs) {
      const farthest = this.#farthest.get(id) ?? 0;
      if (done < farthest) back.add(id);
      this.#farthest.set(id, Math.max(done, farthest));
    }
    if (back.size !== this.#wentBack.size) this.#wentBack = back;
    for (const job of ended) this.#told.forEach((told) => told(job));
  }
}
