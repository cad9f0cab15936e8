// What a line of a log is to a reader: the words of its severity, and what there is besides its text.
// Pure.

import type { LogEntry } from "../api/shapes";
import type { Look } from "../ui/state";

/** RFC 5424, table 2, by number. */
export const SEVERITIES = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"] as const;

const FACILITIES = [
  "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
  "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
] as const;

/** How far a device's clock may be off before it is told: more than lines wait on their way. */
const CLOCK_OFF_MS = 60_000;

/** What the severity filter offers: a severity and all that are worse. */
export const SEVERITY_CHOICES: readonly { value: string; label: string }[] = [
  { value: "", label: "All" },
  ...([3, 4, 5, 6] as const).map((n) => ({ value: String(n), label: `${SEVERITIES[n]} or worse` })),
];

export function severityName(severity: number | null | undefined): string {
  return severity === null || severity === undefined ? "None" : (SEVERITIES[severity] ?? String(severity));
}

export function look(severity: number | null | undefined): Look {
  if (severity === null || severity === undefined) return "unk";
  return severity <= 3 ? "bad" : severity === 4 ? "warn" : severity === 5 ? "info" : "unk";
}

/** The severity that an address asks for; null where it asks for none that there is. */
export function severityOf(text: string | null): number | null {
  return text !== null && /^[0-7]$/.test(text) ? Number(text) : null;
}

/** Seconds that the sender's clock is ahead (or behind, below zero); null where that is not known or little. */
export function clockOffSecs(line: LogEntry): number | null {
  const told = line.details?.device_at;
  if (!told) return null;
  const off = Date.parse(told) - Date.parse(line.received_at);
  return Math.abs(off) > CLOCK_OFF_MS ? Math.round(off / 1000) : null;
}

/** What a line says besides its text, as name and value. */
export function details(line: LogEntry): [string, string][] {
  const d = line.details;
  const rows: [string, string | number | null | undefined][] = [
    ["From", line.source],
    ["Severity", severityName(line.severity)],
  ];
  if (d) {
    rows.push(
      ["Facility", d.facility === undefined || d.facility === null ? null : (FACILITIES[d.facility] ?? d.facility)],
      ["Host", d.host],
      ["Program", d.app],
      ["Process", d.process],
      ["Message", d.message_id],
      ["Sequence", d.sequence],
      ["Its own time", d.device_time],
      ["Its clock", d.clock === "unset" ? "never set" : d.clock === "unsynchronized" ? "not synchronised" : null],
      ["Came as", `${d.format} over ${d.transport.toUpperCase()}`],
    );
    for (const element of d.structured ?? []) for (const p of element.parameters) rows.push([`${element.id} ${p.name}`, p.value]);
  }
  return rows.filter((row) => row[1] !== null && row[1] !== undefined && row[1] !== "").map(([name, value]) => [name, String(value)]);
}
