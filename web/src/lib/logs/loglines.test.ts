import { expect, test } from "vitest";
import type { LogEntry } from "../api/shapes";
import { clockOffSecs, details, look, severityName, severityOf } from "./loglines";

const line: LogEntry = {
  id: "1",
  received_at: "2026-03-01T12:00:00.000Z",
  vantage: "local",
  device_id: null,
  source: "192.0.2.1",
  severity: 3,
  text: "%LINK-3-UPDOWN: down",
  details: { format: "cisco", transport: "udp", facility: 23, device_time: "Mar  1 00:00:00 UTC", clock: "unset" },
};

test.each([
  [0, "Emergency", "bad"],
  [3, "Error", "bad"],
  [4, "Warning", "warn"],
  [7, "Debug", "unk"],
  [null, "None", "unk"],
])("severity %s is %s", (severity, name, looks) => {
  expect(severityName(severity)).toBe(name);
  expect(look(severity)).toBe(looks);
});

test.each([
  ["3", 3],
  ["8", null],
  ["", null],
  [null, null],
  ["-1", null],
])("the address %s asks for severity %s", (text, severity) => expect(severityOf(text)).toBe(severity));

test("what is not known is left out", () => {
  const names = details(line).map(([name]) => name);
  expect(names).toEqual(["From", "Severity", "Facility", "Its own time", "Its clock", "Came as"]);
  expect(details({ ...line, details: null }).map(([name]) => name)).toEqual(["From", "Severity"]);
  const structured = [{ id: "a@1", parameters: [{ name: "b", value: "c" }] }];
  expect(details({ ...line, details: { format: "rfc5424", transport: "tls", structured } })).toContainEqual(["a@1 b", "c"]);
});

test.each([
  ["2026-03-01T12:00:30.000Z", null],
  ["2026-03-01T13:00:00.000Z", 3600],
  ["2026-03-01T11:00:00.000Z", -3600],
  [null, null],
])("a clock at %s is off by %s s", (device_at, off) => {
  const told = { format: "rfc5424", transport: "udp", ...(device_at && { device_at }) } as LogEntry["details"];
  expect(clockOffSecs({ ...line, details: told ?? null })).toBe(off);
});
