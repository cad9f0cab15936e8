import { expect, test } from "vitest";
import { freshness, Stream, type Condition, type Socket, type StreamEvent } from "./stream";

/** A stream in a world whose time and sockets the test moves. */
function scene() {
  let now = 0;
  const timers = new Set<{ due: number; done: () => void }>();
  const sockets: (Socket & { sent: Record<string, unknown>[]; closed: boolean })[] = [];
  let condition: Condition | undefined;
  const stream = new Stream(
    {
      open() {
        const socket = {
          sent: [] as Record<string, unknown>[],
          closed: false,
          onopen: null,
          onmessage: null,
          onclose: null,
          onerror: null,
          send(text: string) {
            this.sent.push(JSON.parse(text) as Record<string, unknown>);
          },
          close() {
            this.closed = true;
          },
        };
        sockets.push(socket);
        return socket;
      },
      now: () => now,
      after(ms, done) {
        const timer = { due: now + ms, done };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    (c) => (condition = c),
  );
  return {
    stream,
    sockets,
    condition: () => condition as Condition,
    last: () => sockets.at(-1)!,
    say: (frame: object) => sockets.at(-1)!.onmessage?.({ data: JSON.stringify(frame) }),
    hangUp: () => sockets.at(-1)!.onclose?.(undefined as never),
    pass(ms: number) {
      now += ms;
      for (const timer of [...timers]) {
        if (timer.due <= now && timers.delete(timer)) timer.done();
      }
    },
    now: () => now,
  };
}

const settled = () => new Promise((done) => setTimeout(done));

const hello = { type: "hello", seq: 0, heartbeat_secs: 15 };

test("subscriptions are asked for on hello and again after a reconnection", () => {
  const s = scene();
  s.stream.subscribe("series", { device_ids: ["d1"] }, () => undefined);
  s.stream.start();
  expect(s.last().sent).toEqual([]);
  s.say(hello);
  expect(s.last().sent).toEqual([{ type: "subscribe", id: "1", topic: "series", device_ids: ["d1"] }]);
  s.hangUp();
  s.pass(500);
  s.say(hello);
  expect(s.sockets).toHaveLength(2);
  expect(s.last().sent).toHaveLength(1);
});

test("events reach only the subscriptions of their topic", () => {
  const s = scene();
  const heard: StreamEvent[] = [];
  s.stream.subscribe("status", {}, (e) => heard.push(e));
  const stop = s.stream.subscribe("status", {}, (e) => heard.push(e));
  s.stream.start();
  s.say(hello);
  stop();
  s.say({ type: "event", seq: 1, topic: "status", event: "device_status", at: "", data: {} });
  s.say({ type: "event", seq: 2, topic: "devices", event: "device_changed", at: "", data: {} });
  expect(heard.map((e) => e.event)).toEqual(["device_status"]);
  expect(s.last().sent.at(-1)).toEqual({ type: "unsubscribe", id: "2" });
});

test("catches up after a reconnection and after lagged, not at first", async () => {
  const s = scene();
  let fetched = 0;
  s.stream.onCatchUp(() => {
    fetched += 1;
  });
  s.stream.start();
  s.say(hello);
  expect(fetched).toBe(0);
  s.say({ type: "lagged", dropped: 3 });
  expect(fetched).toBe(1);
  expect(freshness(s.condition(), s.now()).word).toBe("behind");
  await settled();
  expect(freshness(s.condition(), s.now()).word).toBe("live");
  s.hangUp();
  s.pass(500);
  s.say(hello);
  expect(fetched).toBe(2);
});

test("comes back to where it was, and fetches again only what cannot be told", async () => {
  const s = scene();
  let fetched = 0;
  const heard: unknown[] = [];
  s.stream.onCatchUp(() => {
    fetched += 1;
  });
  s.stream.subscribe("status", { device_ids: ["d1"] }, (e) => heard.push(e.data));
  const gone = s.stream.subscribe("devices", {}, () => undefined);
  s.stream.start();
  const back = (seq: number, stream = "one") => {
    s.hangUp();
    s.pass(500);
    s.say({ ...hello, stream, seq });
  };
  s.say({ ...hello, stream: "one", seq: 40 });
  await settled();
  s.say({ type: "event", seq: 43, topic: "status", event: "device_status", at: "", data: 43 });
  s.say({ type: "heartbeat", at: "", seq: 50 });
  gone();
  s.hangUp();
  s.stream.subscribe("discovery", {}, () => undefined);
  s.pass(500);
  fetched = 0;
  s.say({ ...hello, stream: "one", seq: 60 });
  expect(s.last().sent).toEqual([
    { type: "resume", stream: "one", seq: 50, subscriptions: [{ id: "1", topic: "status", device_ids: ["d1"] }] },
    { type: "subscribe", id: "3", topic: "discovery" },
  ]);
  s.say({ type: "resumed", resumed: true, stream: "one", seq: 50 });
  s.say({ type: "event", seq: 51, topic: "status", event: "device_status", at: "", data: 51 });
  expect(heard).toEqual([43, 51]);
  // What is new was not subscribed to while the connection was away.
  expect(fetched).toBe(1);
  await settled();

  back(65);
  s.say({ type: "resumed", resumed: true, stream: "one", seq: 51 });
  expect(fetched).toBe(1);

  back(70);
  expect(s.last().sent[0]).toMatchObject({ type: "resume", seq: 51 });
  s.say({ type: "resumed", resumed: false, reason: "too_old", missed: 9, stream: "one", seq: 70 });
  expect(fetched).toBe(2);
});

test("a view that was opened before there was a connection fetches again when there is", async () => {
  const s = scene();
  let fetched = 0;
  s.stream.onCatchUp(() => {
    fetched += 1;
  });
  s.stream.start();
  s.stream.subscribe("status", {}, () => undefined);
  expect(fetched).toBe(0);
  s.say(hello);
  expect(fetched).toBe(1);
  await settled();
  // What subscribes on an open connection misses nothing.
  s.stream.subscribe("devices", {}, () => undefined);
  s.say({ type: "heartbeat", at: "" });
  expect(fetched).toBe(1);
});

test("what is missed while catching up is caught up with, too, once for all", async () => {
  const s = scene();
  const open: (() => void)[] = [];
  s.stream.onCatchUp(() => new Promise<void>((done) => open.push(done)));
  s.stream.start();
  s.say(hello);
  s.say({ type: "lagged", dropped: 3 });
  s.say({ type: "lagged", dropped: 5 });
  s.say({ type: "lagged", dropped: 1 });
  expect(open).toHaveLength(1);
  open[0]?.();
  await settled();
  expect(open).toHaveLength(2);
  expect(s.condition().catchingUp).toBe(true);
  open[1]?.();
  await settled();
  expect(open).toHaveLength(2);
  expect(s.condition().catchingUp).toBe(false);
});

test("another server, a refusal or too much to say is a fresh start", async () => {
  const s = scene();
  let fetched = 0;
  s.stream.onCatchUp(() => {
    fetched += 1;
  });
  s.stream.subscribe("status", {}, () => undefined);
  s.stream.start();
  s.say({ ...hello, stream: "one", seq: 1 });
  await settled();
  fetched = 0;
  s.hangUp();
  s.pass(500);
  s.say({ ...hello, stream: "two", seq: 5 });
  expect(s.last().sent).toEqual([{ type: "subscribe", id: "1", topic: "status" }]);
  expect(fetched).toBe(1);
  await settled();

  s.hangUp();
  s.pass(500);
  s.say({ ...hello, stream: "two", seq: 6 });
  expect(s.last().sent[0]).toMatchObject({ type: "resume", stream: "two", seq: 5 });
  s.say({ type: "error", problem: { status: 422 } });
  expect(s.last().sent[1]).toEqual({ type: "subscribe", id: "1", topic: "status" });
  expect(fetched).toBe(2);
  await settled();

  s.hangUp();
  s.pass(500);
  s.say({ ...hello, stream: "two", seq: 7 });
  s.stream.subscribe("series", { series_ids: Array.from({ length: 2000 }, () => "x".repeat(36)) }, () => undefined);
  s.hangUp();
  s.pass(500);
  s.say({ ...hello, stream: "two", seq: 8 });
  expect(s.last().sent.map((m) => m.type)).toEqual(["subscribe", "subscribe"]);
});

test("waits longer after each failure, up to a bound, and starts over after a success", () => {
  const s = scene();
  s.stream.start();
  for (const wait of [500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
    s.hangUp();
    const before = s.sockets.length;
    s.pass(wait - 1);
    expect(s.sockets).toHaveLength(before);
    s.pass(1);
    expect(s.sockets).toHaveLength(before + 1);
  }
  s.say(hello);
  s.hangUp();
  s.pass(500);
  expect(s.condition().phase).toBe("connecting");
});

test("a connection on which nothing is heard is given up", () => {
  const s = scene();
  s.stream.start();
  s.say(hello);
  s.pass(15_000);
  s.say({ type: "heartbeat", at: "" });
  s.pass(37_499);
  expect(s.condition().phase).toBe("open");
  expect(freshness(s.condition(), s.now()).word).toBe("behind");
  s.pass(1);
  expect(s.condition().phase).toBe("closed");
  expect(s.sockets[0]!.closed).toBe(true);
  expect(freshness(s.condition(), s.now()).word).toBe("disconnected");
});

test("stopping ends everything and forgets nothing that is subscribed", () => {
  const s = scene();
  s.stream.subscribe("devices", {}, () => undefined);
  s.stream.start();
  s.say(hello);
  s.stream.stop();
  s.pass(60_000);
  expect(s.sockets).toHaveLength(1);
  s.stream.start();
  s.say(hello);
  expect(s.last().sent).toHaveLength(1);
});

test("nonsense on the wire is passed over", () => {
  const s = scene();
  s.stream.start();
  s.last().onmessage?.({ data: "{" });
  s.last().onmessage?.({ data: 7 });
  s.say(hello);
  expect(s.condition().phase).toBe("open");
});
