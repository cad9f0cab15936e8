// The shapes of the server's JSON that the page uses, under short names.

export type Status = "up" | "degraded" | "down" | "unknown";
export type IfStatus = "up" | "down" | "testing" | "unknown" | "dormant" | "notPresent" | "lowerLayerDown";

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

export interface Evidence {
  check: "snmp" | "icmp";
  outcome: "answered" | "partial" | "silent" | "refused" | "skipped";
  at: string;
  detail: string;
}

export interface Device {
  id: string;
  name: string;
  address: string;
  port: number;
  vantage: string;
  vendor?: string | null;
  model?: string | null;
  os?: string | null;
  os_version?: string | null;
  serial?: string | null;
  kind?: string | null;
  location?: string | null;
  site?: string | null;
  tags: string[];
  status: Status;
  status_since?: string | null;
  status_evidence: Evidence[];
  credential_id?: string | null;
  interval_secs: number;
  maintenance: boolean;
  last_seen_at?: string | null;
  created_at: string;
  revision: number;
}

export interface Interface {
  id: string;
  device_id: string;
  index: number;
  name: string;
  description?: string | null;
  alias?: string | null;
  kind?: string | null;
  speed_bps?: number | null;
  mac?: string | null;
  admin_status?: IfStatus | null;
  oper_status?: IfStatus | null;
  in_bps?: number | null;
  out_bps?: number | null;
  in_utilization?: number | null;
  out_utilization?: number | null;
  last_change_at?: string | null;
}

export interface Neighbor {
  device_id: string;
  interface_id?: string | null;
  local_interface?: string | null;
  protocol: "lldp" | "cdp";
  remote_name?: string | null;
  remote_port?: string | null;
  remote_platform?: string | null;
  remote_address?: string | null;
  remote_chassis_id?: string | null;
  remote_device_id?: string | null;
  remote_interface_id?: string | null;
  first_seen_at: string;
  last_seen_at: string;
}

export interface End {
  device_id: string;
  interface_id?: string | null;
}

export interface Link {
  id: string;
  a: End;
  b: End;
  status: "up" | "down" | "unknown";
  confidence: number;
  evidence: { reported_by: string; protocol: "lldp" | "cdp"; seen_at: string; detail: string }[];
  speed_bps?: number | null;
  first_seen_at: string;
  last_seen_at: string;
}

export interface StateCounts {
  up: number;
  degraded: number;
  down: number;
  unknown: number;
  maintenance: number;
}

export interface Health {
  score?: number | null;
  devices: StateCounts;
  interfaces: StateCounts;
  links: StateCounts;
}

export interface Series {
  id: string;
  metric: string;
  unit: string;
  kind: "counter" | "gauge" | "state";
  labels: Record<string, string>;
}

export type Method = "icmp" | "snmp" | "neighbors";

export interface DiscoveryRequest {
  targets: string[];
  methods: Method[];
  credential_ids: string[];
  allowed_networks: string[];
  port: number;
  max_hops: number;
  register: boolean;
}

export interface Discovery {
  id: string;
  request: DiscoveryRequest;
  phase: "running" | "done" | "cancelled" | "failed";
  notices: string[];
  addresses_total: number;
  addresses_done: number;
  addresses_answered: number;
  devices_found: number;
  started_at: string;
  ended_at?: string | null;
}

export type SnmpAnswer =
  | { outcome: "identified"; credential_id?: string | null }
  | { outcome: "refused"; reasons: string[] }
  | { outcome: "silent" }
  | { outcome: "not_asked" };

export interface DiscoveryResult {
  address: string;
  port: number;
  via: string;
  hops: number;
  icmp_answered?: boolean | null;
  snmp: SnmpAnswer;
  name?: string | null;
  description?: string | null;
  vendor?: string | null;
  device_id?: string | null;
  identity_reason?: string | null;
}

export type AuthProtocol = "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512";
export type PrivacyProtocol = "des" | "aes128" | "aes192" | "aes256";

export interface Credential {
  id: string;
  name: string;
  kind: "snmp_v1" | "snmp_v2c" | "snmp_v3";
  user?: string | null;
  auth?: AuthProtocol | null;
  privacy?: PrivacyProtocol | null;
  context?: string | null;
  /** How many devices are asked with it. */
  devices: number;
  created_at: string;
  revision: number;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string | null;
  instance?: string | null;
  request_id?: string | null;
  errors?: { pointer: string; detail: string }[];
}

export type SamplePoint = [unixMs: number, value: number | null];

export interface Samples {
  series: Series;
  from: string;
  to: string;
  step_secs?: number | null;
  level?: number | string | null;
  points: SamplePoint[];
}

export interface Bandwidth {
  from: string;
  to: string;
  step_secs?: number | null;
  in_bps: SamplePoint[];
  out_bps: SamplePoint[];
}

export interface Notice {
  /** What it is about, for programs. */
  code: string;
  message: string;
  since: string;
}
