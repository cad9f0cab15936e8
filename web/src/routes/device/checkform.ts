// What the form of a check sends, and how a check is told. Pure.

import type { Check, CheckCreate, CheckProbe } from "../../lib/api/shapes";
import { duration } from "../../lib/units";

export type Kind = CheckProbe["kind"];
export const KINDS: { value: Kind; label: string; target: string }[] = [
  { value: "tcp", label: "TCP port", target: "Host and port" },
  { value: "http", label: "Web page", target: "URL" },
  { value: "dns", label: "Name server", target: "Server" },
  { value: "ntp", label: "Time server", target: "Server" },
];
export const RECORDS = ["A", "AAAA", "CNAME", "MX", "NS", "PTR", "TXT"] as const;

export interface CheckForm {
  name: string;
  target: string;
  kind: Kind;
  intervalSecs: number;
  timeoutMs: number;
  slowMs: number | null;
  enabled: boolean;
  /** http */
  status: number | null;
  text: string;
  redirects: number;
  thoughUntrusted: boolean;
  certificateDays: number | null;
  /** dns */
  question: string;
  record: (typeof RECORDS)[number];
  expected: string;
  /** ntp */
  offsetMaxMs: number | null;
  stratumMax: number | null;
  rootDispersionMaxMs: number | null;
}

/** A form for a device that is asked at this address. */
export function empty(address: string): CheckForm {
  return {
    name: "", target: targetOf("tcp", address), kind: "tcp", intervalSecs: 60, timeoutMs: 5000, slowMs: null, enabled: true,
    status: null, text: "", redirects: 0, thoughUntrusted: false, certificateDays: null,
    question: "", record: "A", expected: "", offsetMaxMs: null, stratumMax: null, rootDispersionMaxMs: null,
  };
}

/** Where a service of that kind is on a device, to begin with. */
export function targetOf(kind: Kind, address: string): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return kind === "tcp" ? `${host}:22` : kind === "http" ? `https://${host}/` : address;
}

export function formOf(check: Check): CheckForm {
  const { probe } = check;
  const form: CheckForm = {
    ...empty(""), name: check.name, target: check.target, kind: probe.kind, intervalSecs: check.interval_secs,
    timeoutMs: check.timeout_ms, slowMs: check.slow_ms ?? null, enabled: check.enabled,
  };
  if (probe.kind === "http") {
    return { ...form, status: probe.status ?? null, text: probe.text ?? "", redirects: probe.redirects_max ?? 0, thoughUntrusted: probe.though_untrusted ?? false, certificateDays: probe.certificate_days ?? null };
  }
  if (probe.kind === "dns") return { ...form, question: probe.name, record: probe.record ?? "A", expected: (probe.expected ?? []).join("\n") };
  if (probe.kind === "ntp") {
    return { ...form, offsetMaxMs: probe.offset_max_ms ?? null, stratumMax: probe.stratum_max ?? null, rootDispersionMaxMs: probe.root_dispersion_max_ms ?? null };
  }
  return form;
}

function probeOf(form: CheckForm): CheckProbe {
  switch (form.kind) {
    case "tcp":
      return { kind: "tcp" };
    case "http":
      return { kind: "http", status: form.status, text: form.text === "" ? null : form.text, redirects_max: form.redirects, though_untrusted: form.thoughUntrusted, certificate_days: form.certificateDays };
    case "dns":
      return { kind: "dns", name: form.question.trim(), record: form.record, expected: form.expected.split("\n").map((line) => line.trim()).filter(Boolean) };
    case "ntp":
      return { kind: "ntp", offset_max_ms: form.offsetMaxMs, stratum_max: form.stratumMax, root_dispersion_max_ms: form.rootDispersionMaxMs };
  }
}

/** What is sent, to make one and to change one alike. */
export function bodyOf(form: CheckForm, device_id: string): CheckCreate {
  return {
    device_id, name: form.name.trim(), target: form.target.trim(), probe: probeOf(form),
    interval_secs: form.intervalSecs, timeout_ms: form.timeoutMs, slow_ms: form.slowMs, enabled: form.enabled,
  };
}

/** `1.2 ms`; `certificate 30 d`: what was measured besides whether it answers. */
export function measured(check: Pick<Check, "duration_secs" | "certificate_expiry_secs" | "ntp_offset_secs">): string[] {
  const words: string[] = [];
  if (typeof check.duration_secs === "number") words.push(`${(check.duration_secs * 1000).toFixed(check.duration_secs < 0.01 ? 1 : 0)}\u202fms`);
  if (typeof check.certificate_expiry_secs === "number") {
    words.push(check.certificate_expiry_secs < 0 ? "certificate has ended" : `certificate ${duration(check.certificate_expiry_secs * 1000)}`);
  }
  if (typeof check.ntp_offset_secs === "number") words.push(`offset ${(check.ntp_offset_secs * 1000).toFixed(3)}\u202fms`);
  return words;
}
