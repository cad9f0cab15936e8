// What the form of a discovery sends. Pure.

import type { Discovery, DiscoveryCreate, Method, SnmpAnswer } from "../../lib/api/shapes";
import type { State } from "../../lib/ui/state";

export interface Form {
  targets: string;
  allowed: string;
  methods: Method[];
  credentialIds: string[];
  port: number;
  maxHops: number;
  register: boolean;
}

export const EMPTY: Form = { targets: "", allowed: "", methods: ["icmp", "snmp", "neighbors"], credentialIds: [], port: 161, maxHops: 8, register: true };

export const METHODS: { value: Method; label: string; help: string }[] = [
  { value: "icmp", label: "ICMP echo", help: "Asks every address whether it is there" },
  { value: "snmp", label: "SNMP", help: "Asks what it is, with each credential in turn" },
  { value: "neighbors", label: "Neighbours", help: "Follows LLDP and CDP within the allowed networks" },
];

/** Targets as they are typed: one a line, or with commas or spaces between. */
export function listed(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}

export function requestOf(form: Form): DiscoveryCreate {
  return {
    targets: listed(form.targets),
    methods: form.methods,
    credential_ids: form.credentialIds,
    allowed_networks: listed(form.allowed),
    port: form.port,
    max_hops: form.maxHops,
    register: form.register,
  };
}

/** The form of a request that was made before. */
export function formOf(request: Discovery["request"]): Form {
  return {
    targets: request.targets.join("\n"),
    allowed: (request.allowed_networks ?? []).join("\n"),
    methods: [...request.methods],
    credentialIds: [...(request.credential_ids ?? [])],
    port: request.port ?? EMPTY.port,
    maxHops: request.max_hops ?? EMPTY.maxHops,
    register: request.register ?? EMPTY.register,
  };
}

/** What the server says against a field; it names a target by its place, the reader needs the target. */
export function faultOf(errors: readonly { pointer: string; detail: string }[], pointer: string, text = ""): string | undefined {
  const lines = errors
    .filter((e) => e.pointer === pointer || e.pointer.startsWith(`${pointer}/`))
    .map((e) => {
      const at = e.pointer.slice(pointer.length + 1).split("/")[0];
      const target = at === undefined || at === "" ? undefined : listed(text)[Number(at)];
      return target === undefined || e.detail.includes(target) ? e.detail : `${target}: ${e.detail}`;
    });
  return lines.length > 0 ? lines.join(" ") : undefined;
}

export const PHASES: Record<Discovery["phase"], State> = {
  running: { word: "Running", look: "info", icon: "clock" },
  done: { word: "Done", look: "ok", icon: "check" },
  cancelled: { word: "Cancelled", look: "unk", icon: "dash" },
  failed: { word: "Failed", look: "bad", icon: "triangle" },
};

/** What came of SNMP at an address, in a state and a sentence. */
export function answer(snmp: SnmpAnswer): { state: State; text: string } {
  switch (snmp.outcome) {
    case "identified":
      return { state: { word: "Identified", look: "ok", icon: "check" }, text: "" };
    case "refused":
      return { state: { word: "Refused", look: "warn", icon: "bang" }, text: snmp.reasons.join(" ") };
    case "silent":
      return { state: { word: "Silent", look: "unk", icon: "question" }, text: "Nothing answered; an agent that drops an unknown community looks the same." };
    case "not_asked":
      return { state: { word: "Not asked", look: "unk", icon: "dash" }, text: "" };
  }
}
