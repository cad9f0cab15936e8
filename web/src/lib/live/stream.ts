// The one WebSocket of the page: subscriptions that outlive connections, heartbeats, reconnection
// that gets what was missed meanwhile, and the call to catch up where it cannot be got. No Svelte and
// no clock of its own in here.

/** What the stream needs of a socket; the browser's WebSocket is one. */
export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

export interface World {
  open(): Socket;
  now(): number;
  /** Calls back after so many ms; the answer cancels it. */
  after(ms: number, done: () => void): () => void;
}

export type Topic = "devices" | "status" | "discovery" | "series" | "forecasts" | "anomalies";

export interface Filter {
  device_ids?: string[];
  series_ids?: string[];
  discovery_id?: string;
}

export interface StreamEvent {
  topic: Topic;
  event: string;
  at: string;
  data: unknown;
}

export type Phase = "connecting" | "open" | "closed";

export interface Condition {
  phase: Phase;
  /** When the server was last heard, unix ms by the browser's clock. */
  heardAt: number | null;
  /** Something was missed and is being fetched again. */
  catchingUp: boolean;
  heartbeatSecs: number;
}

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 10_000;
/** Longest message that the server reads, in octets. */
const MESSAGE_LEN_MAX = 64 << 10;
/** Heartbeats that may fail to come before the connection is taken for dead. */
const HEARTBEATS_MISSED = 2.5;

interface Subscription {
  id: string;
  topic: Topic;
  filter: Filter;
  told: (event: StreamEvent) => void;
  /** The server was asked for it, on this connection or one before. */
  asked: boolean;
}

/** How far the page was told: a life of the server's stream, and the number of an event. */
interface Place {
  stream: string;
  seq: number;
}

export class Stream {
  #world: World;
  #socket: Socket | null = null;
  #subscriptions = new Map<string, Subscription>();
  #catchUps = new Set<() => Promise<unknown> | void>();
  #next = 1;
  #retryMs = RETRY_MIN_MS;
  #cancelRetry: (() => void) | null = null;
  #cancelWatch: (() => void) | null = null;
  #wasOpen = false;
  #place: Place | null = null;
  /** Asked to resume and not yet answered. */
  #resuming = false;
  /** Something subscribed while there was no connection: what it fetched is older than its events. */
  #unheard = false;
  /** Something was missed while what was missed before was being fetched. */
  #missedMore = false;
  #stopped = true;
  #changed: (condition: Condition) => void;
  #condition: Condition = { phase: "closed", heardAt: null, catchingUp: false, heartbeatSecs: 15 };

  constructor(world: World, changed: (condition: Condition) => void) {
    this.#world = world;
    this.#changed = changed;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#wasOpen = false;
    this.#place = null;
    this.#missedMore = false;
    for (const subscription of this.#subscriptions.values()) subscription.asked = false;
    this.#cancelRetry?.();
    this.#drop();
    this.#set({ phase: "closed", heardAt: null, catchingUp: false });
  }

  /** Tells `told` of every event of a topic until the returned function is called. */
  subscribe(topic: Topic, filter: Filter, told: (event: StreamEvent) => void): () => void {
    const id = String(this.#next++);
    const subscription = { id, topic, filter, told, asked: false };
    this.#subscriptions.set(id, subscription);
    if (this.#condition.phase === "open") this.#ask(subscription);
    return () => {
      this.#subscriptions.delete(id);
      if (this.#condition.phase === "open") this.#send({ type: "unsubscribe", id });
    };
  }

  /** Calls `fetchAgain` whenever events may have been missed, until the returned function is called. */
  onCatchUp(fetchAgain: () => Promise<unknown> | void): () => void {
    this.#catchUps.add(fetchAgain);
    return () => this.#catchUps.delete(fetchAgain);
  }

  /** Tries at once instead of waiting, as when the browser is online again. */
  hurry(): void {
    if (this.#stopped || this.#condition.phase !== "closed") return;
    this.#cancelRetry?.();
    this.#connect();
  }

  #connect(): void {
    this.#cancelRetry = null;
    this.#set({ phase: "connecting" });
    const socket = this.#world.open();
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#hear(data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
    socket.onerror = () => undefined;
    this.#watch();
  }

  #hear(data: unknown): void {
    const frame = parse(data);
    if (!frame) return;
    this.#set({ heardAt: this.#world.now() });
    this.#watch();
    switch (frame.type) {
      case "hello": {
        const again = this.#wasOpen;
        this.#wasOpen = true;
        this.#retryMs = RETRY_MIN_MS;
        const heartbeatSecs = typeof frame.heartbeat_secs === "number" ? frame.heartbeat_secs : 15;
        this.#set({ phase: "open", heartbeatSecs });
        const before = this.#place;
        const here = placeOf(frame);
        this.#unheard = [...this.#subscriptions.values()].some((one) => !one.asked);
        if (before && here && before.stream === here.stream && this.#resume(before)) break;
        this.#place = here;
        for (const subscription of this.#subscriptions.values()) this.#ask(subscription);
        if (again || this.#unheard) void this.#catchUp();
        break;
      }
      case "resumed":
        this.#resuming = false;
        this.#place = placeOf(frame);
        if (frame.resumed !== true || this.#unheard) void this.#catchUp();
        break;
      case "error":
        // Refused as a whole: as if it had never been here.
        if (!this.#resuming) break;
        this.#resuming = false;
        this.#place = null;
        for (const subscription of this.#subscriptions.values()) this.#ask(subscription);
        void this.#catchUp();
        break;
      case "event":
        this.#moveTo(frame.seq);
        this.#tell(frame as unknown as StreamEvent);
        break;
      case "heartbeat":
        this.#moveTo(frame.seq);
        break;
      case "lagged":
        this.#moveTo(frame.seq);
        void this.#catchUp();
        break;
    }
  }

  /**
   * Asks for what was missed since a place, with what was subscribed to; what is new is asked for on
   * top. False where that is more than one message holds.
   */
  #resume({ stream, seq }: Place): boolean {
    const all = [...this.#subscriptions.values()];
    const subscriptions = all.filter((one) => one.asked).map(({ id, topic, filter }) => ({ id, topic, ...filter }));
    const message = { type: "resume", stream, seq, subscriptions };
    if (JSON.stringify(message).length > MESSAGE_LEN_MAX) return false;
    this.#resuming = true;
    this.#send(message);
    for (const one of all) if (!one.asked) this.#ask(one);
    return true;
  }

  #moveTo(seq: unknown): void {
    if (this.#place && !this.#resuming && typeof seq === "number") this.#place = { ...this.#place, seq };
  }

  #tell(event: StreamEvent): void {
    for (const subscription of [...this.#subscriptions.values()]) {
      if (subscription.topic === event.topic) subscription.told(event);
    }
  }

  async #catchUp(): Promise<void> {
    if (this.#condition.catchingUp) {
      // What is being fetched may be older than what was missed just now.
      this.#missedMore = true;
      return;
    }
    this.#set({ catchingUp: true });
    do {
      this.#missedMore = false;
      // One part of the page that cannot fetch must not keep the others from it.
      await Promise.allSettled([...this.#catchUps].map((fetchAgain) => fetchAgain()));
    } while (this.#missedMore);
    this.#set({ catchingUp: false });
  }

  #lost(): void {
    this.#drop();
    if (this.#stopped) return;
    this.#set({ phase: "closed" });
    this.#cancelRetry = this.#world.after(this.#retryMs, () => this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  #drop(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = null;
    this.#resuming = false;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** Gives the connection up when nothing is heard for too long. */
  #watch(): void {
    this.#cancelWatch?.();
    const ms = this.#condition.heartbeatSecs * HEARTBEATS_MISSED * 1000;
    this.#cancelWatch = this.#world.after(ms, () => this.#lost());
  }

  #ask(subscription: Subscription): void {
    const { id, topic, filter } = subscription;
    subscription.asked = true;
    this.#send({ type: "subscribe", id, topic, ...filter });
  }

  #send(frame: object): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  #set(change: Partial<Condition>): void {
    this.#condition = { ...this.#condition, ...change };
    this.#changed(this.#condition);
  }
}

function parse(data: unknown): Record<string, unknown> | null {
  if (typeof data !== "string") return null;
  try {
    const frame: unknown = JSON.parse(data);
    return typeof frame === "object" && frame !== null ? (frame as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function placeOf({ stream, seq }: Record<string, unknown>): Place | null {
  return typeof stream === "string" && typeof seq === "number" ? { stream, seq } : null;
}

/** A heartbeat may be this late before the page says that it is behind. */
const LATE_MS = 3000;

/** How fresh what is on the page is, in words. */
export function freshness(condition: Condition, nowMs: number): { word: "live" | "behind" | "disconnected"; ms: number | null } {
  const ms = condition.heardAt === null ? null : Math.max(0, nowMs - condition.heardAt);
  if (condition.phase !== "open") return { word: "disconnected", ms };
  const late = ms !== null && ms > condition.heartbeatSecs * 1000 + LATE_MS;
  return { word: condition.catchingUp || late ? "behind" : "live", ms };
}
