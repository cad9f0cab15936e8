// The server's routes as functions. What they answer is in `shapes.ts`; how a request is made is
// in `call.ts`.

import type { operations } from "../../generated/api";
import { call, type Query } from "./call";
import type {
  AlarmPrecision,
  Anomaly,
  Availability,
  Balance,
  Bands,
  Bandwidth,
  Candidate,
  Capacity,
  Check,
  CheckCreate,
  CheckPatch,
  Credential,
  CredentialCreate,
  Device,
  DeviceCreate,
  DeviceInterval,
  DevicePatch,
  Discovery,
  DiscoveryCreate,
  DiscoveryResult,
  DiscoveryRule,
  DiscoveryRuleCreate,
  DiscoveryRuleDryRun,
  DiscoveryRuleOutcome,
  DiscoveryRulePatch,
  DiscoverySchedule,
  DiscoveryScheduleCreate,
  DiscoverySchedulePatch,
  FlowExporter,
  FlowInterfaces,
  FlowListener,
  FlowSeries,
  Forecast,
  ForecastPlan,
  ForecastSummary,
  Health,
  HealthHistory,
  Interface,
  InterfaceInterval,
  Link,
  LinkLoad,
  LogEntry,
  MaintenanceAnswer,
  MaintenanceRequest,
  Me,
  MibObject,
  MibSummary,
  Model,
  Neighbor,
  Notice,
  Page,
  Patterns,
  ProfileDraft,
  ProfileMistake,
  ProfileSummary,
  ProfileText,
  Samples,
  SamplesRequest,
  ScalingKey,
  ScalingTrigger,
  ScalingTriggerCreate,
  ScalingTriggerPatch,
  Series,
  SeriesCardinality,
  Similar,
  Top,
  Trap,
  TrialAnswer,
  VerdictAnswer,
  WalkAnswer,
  WebhookDelivery,
  WhatIf,
} from "./shapes";

type Signal = AbortSignal | undefined;

/** What the server takes: it refuses a parameter that it does not know. */
export type DevicesQuery = Optional<operations["list_devices"]["parameters"]["query"]>;
export type InterfacesQuery = Optional<operations["list_interfaces"]["parameters"]["query"]>;
export type TopQuery = Optional<operations["list_top"]["parameters"]["query"]>;
export type LinksQuery = Optional<operations["list_links"]["parameters"]["query"]>;
export type LogsQuery = Omit<Optional<operations["list_logs"]["parameters"]["query"]>, "from" | "to">;
export type TrapsQuery = Optional<operations["list_traps"]["parameters"]["query"]>;
type Optional<T> = { [Name in keyof NonNullable<T>]?: NonNullable<T>[Name] | null | undefined };

/** Pages that are followed for one list; more than any device of ours has. */
const PAGES_MAX = 50;

export async function all<T>(path: string, query: Query, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const got: Page<T> = await call("GET", path, { query: { limit: 1000, ...query, cursor }, ...(signal && { signal }) });
    items.push(...got.items);
    cursor = got.next_cursor;
    if (!cursor) break;
  }
  return items;
}

/** A range of time as the server takes it. */
export interface Span {
  from: number;
  to: number;
}
const times = ({ from, to }: Span): Query => ({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });

/** Intervals of one range that are fetched, the latest first; more could not be told apart. */
const INTERVALS_MAX = 1000;

/** Series that the server reads in one request. */
const SERIES_MAX = 100;

const enc = encodeURIComponent;

export const session = {
  me: () => call<Me>("GET", "/auth/me"),
  signIn: (username: string, password: string) => call<void>("POST", "/auth/session", { body: { username, password } }),
  signOut: () => call<void>("DELETE", "/auth/session"),
};

export const devices = {
  page: (query: DevicesQuery, signal?: Signal) => call<Page<Device>>("GET", "/devices", { query, ...(signal && { signal }) }),
  all: (signal?: Signal) => all<Device>("/devices", {}, signal),
  one: (id: string, signal?: Signal) => call<Device>("GET", `/devices/${enc(id)}`, { ...(signal && { signal }) }),
  create: (body: DeviceCreate) => call<Device>("POST", "/devices", { body }),
  change: (id: string, revision: number, body: DevicePatch) => call<Device>("PATCH", `/devices/${enc(id)}`, { body, revision }),
  remove: (id: string, revision: number) => call<void>("DELETE", `/devices/${enc(id)}`, { revision }),
  /** It was replaced: what answers at its address takes its place. */
  acceptIdentity: (id: string, revision: number) => call<Device>("POST", `/devices/${enc(id)}/identity/accept`, { revision }),
  pollNow: (id: string) => call<void>("POST", `/devices/${enc(id)}/poll`),
  interfaces: (id: string, signal?: Signal) => all<Interface>(`/devices/${enc(id)}/interfaces`, {}, signal),
  neighbors: (id: string, signal?: Signal) => all<Neighbor>(`/devices/${enc(id)}/neighbors`, {}, signal),
  part: <T>(id: string, part: string, signal?: Signal) => all<T>(`/devices/${enc(id)}/${part}`, {}, signal),
  availability: (id: string, span: Span, signal?: Signal) => call<Availability>("GET", `/devices/${enc(id)}/availability`, { query: times(span), ...(signal && { signal }) }),
  past: (id: string, span: Span, signal?: Signal) =>
    call<Page<DeviceInterval>>("GET", `/devices/${enc(id)}/status-history`, { query: { ...times(span), limit: INTERVALS_MAX }, ...(signal && { signal }) }),
  setMaintenance: (body: MaintenanceRequest) => call<MaintenanceAnswer>("POST", "/maintenance", { body }),
  bandwidth: (id: string, query: Query, signal?: Signal) =>
    call<Bandwidth>("GET", `/devices/${enc(id)}/bandwidth`, { query, ...(signal && { signal }) }),
};

export const interfaces = {
  availability: (id: string, span: Span, signal?: Signal) => call<Availability>("GET", `/interfaces/${enc(id)}/availability`, { query: times(span), ...(signal && { signal }) }),
  past: (id: string, span: Span, signal?: Signal) =>
    call<Page<InterfaceInterval>>("GET", `/interfaces/${enc(id)}/status-history`, { query: { ...times(span), limit: INTERVALS_MAX }, ...(signal && { signal }) }),
  page: (query: InterfacesQuery, signal?: Signal) => call<Page<Interface>>("GET", "/interfaces", { query, ...(signal && { signal }) }),
  bandwidth: (id: string, query: Query, signal?: Signal) =>
    call<Bandwidth>("GET", `/interfaces/${enc(id)}/bandwidth`, { query, ...(signal && { signal }) }),
};

export type Aggregation = NonNullable<SamplesRequest["aggregation"]>;

export const series = {
  ofDevice: (device_id: string, signal?: Signal) => all<Series>("/series", { device_id }, signal),
  ofMetric: (metric: string, signal?: Signal) => all<Series>("/series", { metric }, signal),
  /** How many there are and of what; `limit` devices of each list. */
  cardinality: (limit: number, signal?: Signal) => call<SeriesCardinality>("GET", "/series/cardinality", { query: { limit }, ...(signal && { signal }) }),
  /** The first series that a selector means. */
  meant: (match: string, signal?: Signal) => call<Page<Series>>("GET", "/series", { query: { match, limit: 1 }, ...(signal && { signal }) }),
  /** The samples of any number of series, asked in as many requests as the server's bound needs. */
  query: async (ids: string[], body: { from: string; to: string; step_secs: number; aggregation: Aggregation }, signal?: Signal): Promise<Samples[]> => {
    const answers: Samples[] = [];
    for (let i = 0; i < ids.length; i += SERIES_MAX) {
      const series_ids = ids.slice(i, i + SERIES_MAX);
      const got = await call<{ items: Samples[] }>("POST", "/samples/query", { body: { series_ids, ...body }, ...(signal && { signal }) });
      answers.push(...got.items);
    }
    return answers;
  },
};

export const network = {
  health: (signal?: Signal) => call<Health>("GET", "/health", { ...(signal && { signal }) }),
  healthHistory: (span: Span, signal?: Signal) => call<HealthHistory>("GET", "/health/history", { query: times(span), ...(signal && { signal }) }),
  top: (query: TopQuery, signal?: Signal) => call<Top>("GET", "/top", { query, ...(signal && { signal }) }),
  linksPage: (query: LinksQuery, signal?: Signal) => call<Page<Link>>("GET", "/links", { query, ...(signal && { signal }) }),
  links: (signal?: Signal) => all<Link>("/links", {}, signal),
  loads: (signal?: Signal) => all<LinkLoad>("/links/loads", {}, signal),
  neighbors: (signal?: Signal) => all<Neighbor>("/neighbors", {}, signal),
  notices: (signal?: Signal) => call<Page<Notice>>("GET", "/system/notices", { ...(signal && { signal }) }),
};

/** What is asked of anomalies, as the server takes it. */
export type AnomaliesQuery = Optional<operations["list_anomalies"]["parameters"]["query"]>;
export type CapacityQuery = Optional<operations["list_capacity"]["parameters"]["query"]>;
export type ForecastsQuery = Optional<operations["list_forecasts"]["parameters"]["query"]>;
export type BalanceQuery = Optional<operations["list_balance"]["parameters"]["query"]>;
export type WhatIfQuery = Optional<operations["get_capacity_what_if"]["parameters"]["query"]>;

export const foresight = {
  forecast: (id: string, horizon_secs: number, signal?: Signal) => call<Forecast>("GET", `/forecasts/${enc(id)}`, { query: { horizon_secs }, ...(signal && { signal }) }),
  forecasts: (query: ForecastsQuery, signal?: Signal) => call<Page<ForecastSummary>>("GET", "/forecasts", { query, ...(signal && { signal }) }),
  bands: (series_id: string, from: number, until: number, step_secs: number, signal?: Signal) =>
    call<Bands>("GET", "/bands", { query: { series_id, from: new Date(from).toISOString(), until: new Date(until).toISOString(), step_secs }, ...(signal && { signal }) }),
  setBounds: (series_id: string, revision: number, body: { floor: number | null; ceiling: number | null }) => call<unknown>("PUT", `/bands/${enc(series_id)}`, { body, revision }),
  removeBounds: (series_id: string, revision: number) => call<void>("DELETE", `/bands/${enc(series_id)}`, { revision }),
  anomalies: (query: AnomaliesQuery, signal?: Signal) => call<Page<Anomaly>>("GET", "/anomalies", { query, ...(signal && { signal }) }),
  anomaly: (id: string, signal?: Signal) => call<Anomaly>("GET", `/anomalies/${enc(id)}`, { ...(signal && { signal }) }),
  judge: (id: string, verdict: "useful" | "noise" | null) => call<VerdictAnswer>("PUT", `/anomalies/${enc(id)}/verdict`, { body: { verdict } }),
  precision: (signal?: Signal) => call<{ detectors: AlarmPrecision[] }>("GET", "/anomalies/precision", { ...(signal && { signal }) }),
  capacity: (query: CapacityQuery, signal?: Signal) => call<Page<Capacity>>("GET", "/capacity", { query, ...(signal && { signal }) }),
  whatIf: (id: string, query: WhatIfQuery, signal?: Signal) => call<WhatIf>("GET", `/capacity/${enc(id)}/what-if`, { query, ...(signal && { signal }) }),
  balance: (query: BalanceQuery, signal?: Signal) => call<Page<Balance>>("GET", "/balance", { query, ...(signal && { signal }) }),
  balanced: (signal?: Signal) => all<Balance>("/balance", {}, signal),
  patterns: (series_id: string, signal?: Signal) => call<Patterns>("GET", "/analysis/patterns", { query: { series_id }, ...(signal && { signal }) }),
  similar: (series_id: string, limit: number, signal?: Signal) => call<Similar>("GET", "/analysis/similar", { query: { series_id, limit }, ...(signal && { signal }) }),
  models: (signal?: Signal) => all<Model>("/models", {}, signal),
  plan: (signal?: Signal) => call<ForecastPlan>("GET", "/models/plan", { ...(signal && { signal }) }),
};

export const scaling = {
  all: (signal?: Signal) => all<ScalingTrigger>("/scaling", {}, signal),
  create: (body: ScalingTriggerCreate) => call<ScalingTrigger>("POST", "/scaling", { body }),
  change: (id: string, revision: number, body: ScalingTriggerPatch) => call<ScalingTrigger>("PATCH", `/scaling/${enc(id)}`, { body, revision }),
  remove: (id: string, revision: number) => call<void>("DELETE", `/scaling/${enc(id)}`, { revision }),
  key: (id: string, signal?: Signal) => call<ScalingKey>("GET", `/scaling/${enc(id)}/key`, { ...(signal && { signal }) }),
  test: (id: string) => call<WebhookDelivery>("POST", `/scaling/${enc(id)}/test`, { body: {} }),
};

export const logs = {
  page: (query: LogsQuery, span: Span, signal?: Signal) => call<Page<LogEntry>>("GET", "/logs", { query: { ...times(span), ...query }, ...(signal && { signal }) }),
};

export const traps = {
  page: (query: TrapsQuery, signal?: Signal) => call<Page<Trap>>("GET", "/traps", { query, ...(signal && { signal }) }),
};

export const flows = {
  series: (query: Query, signal?: Signal) => call<FlowSeries>("GET", "/flows/series", { query, ...(signal && { signal }) }),
  interfaces: (query: Query, signal?: Signal) => call<FlowInterfaces>("GET", "/flows/interfaces", { query, ...(signal && { signal }) }),
  exporters: (device_id: string, signal?: Signal) => all<FlowExporter>("/flows/exporters", { device_id }, signal),
  listeners: (signal?: Signal) => all<FlowListener>("/flows/listeners", {}, signal),
};

export const discoveries = {
  page: (query: Query) => call<Page<Discovery>>("GET", "/discoveries", { query }),
  one: (id: string) => call<Discovery>("GET", `/discoveries/${enc(id)}`),
  start: (body: DiscoveryCreate) => call<Discovery>("POST", "/discoveries", { body }),
  cancel: (id: string) => call<void>("DELETE", `/discoveries/${enc(id)}`),
  results: (id: string) => all<DiscoveryResult>(`/discoveries/${enc(id)}/results`, {}),
};

export const schedules = {
  all: (signal?: Signal) => all<DiscoverySchedule>("/discovery-schedules", {}, signal),
  create: (body: DiscoveryScheduleCreate) => call<DiscoverySchedule>("POST", "/discovery-schedules", { body }),
  change: (id: string, revision: number, body: DiscoverySchedulePatch) => call<DiscoverySchedule>("PATCH", `/discovery-schedules/${enc(id)}`, { body, revision }),
  remove: (id: string, revision: number) => call<void>("DELETE", `/discovery-schedules/${enc(id)}`, { revision }),
  run: (id: string) => call<Discovery>("POST", `/discovery-schedules/${enc(id)}/run`),
};

export const rules = {
  all: (signal?: Signal) => all<DiscoveryRule>("/discovery-rules", {}, signal),
  create: (body: DiscoveryRuleCreate) => call<DiscoveryRule>("POST", "/discovery-rules", { body }),
  change: (id: string, revision: number, body: DiscoveryRulePatch) => call<DiscoveryRule>("PATCH", `/discovery-rules/${enc(id)}`, { body, revision }),
  remove: (id: string, revision: number) => call<void>("DELETE", `/discovery-rules/${enc(id)}`, { revision }),
  /** What rules would do; the first rows of it. */
  dryRun: (body: DiscoveryRuleDryRun, limit: number) => call<Page<DiscoveryRuleOutcome>>("POST", "/discovery-rules/dry-run", { body, query: { limit } }),
};

export const candidates = {
  page: (query: Query, signal?: Signal) => call<Page<Candidate>>("GET", "/candidates", { query, ...(signal && { signal }) }),
  accept: (address: string) => call<Discovery>("POST", `/candidates/${enc(address)}/accept`, { body: {} }),
  ignore: (address: string) => call<void>("POST", `/candidates/${enc(address)}/ignore`),
  offer: (address: string) => call<void>("DELETE", `/candidates/${enc(address)}/ignore`),
};

export const checks = {
  ofDevice: (device_id: string, signal?: Signal) => all<Check>("/checks", { device_id }, signal),
  create: (body: CheckCreate) => call<Check>("POST", "/checks", { body }),
  change: (id: string, revision: number, body: CheckPatch) => call<Check>("PATCH", `/checks/${enc(id)}`, { body, revision }),
  remove: (id: string, revision: number) => call<void>("DELETE", `/checks/${enc(id)}`, { revision }),
};

export const credentials = {
  all: () => all<Credential>("/credentials", {}),
  create: (body: CredentialCreate) => call<Credential>("POST", "/credentials", { body }),
  remove: (id: string, revision: number) => call<void>("DELETE", `/credentials/${enc(id)}`, { revision }),
};

/** The server waits up to 30 s for a device that is walked or tried. */
const DEVICE_TIMEOUT_MS = 35_000;

export const profiles = {
  all: (signal?: Signal) => all<ProfileSummary>("/profiles", {}, signal),
  one: (name: string) => call<ProfileText>("GET", `/profiles/${enc(name)}`),
  check: (body: ProfileDraft) => call<{ mistakes: ProfileMistake[] }>("POST", "/profile-checks", { body }),
  create: (body: ProfileDraft) => call<ProfileText>("POST", "/profiles", { body }),
  change: (name: string, revision: number, text: string) => call<ProfileText>("PUT", `/profiles/${enc(name)}`, { body: { text }, revision }),
  remove: (name: string, revision: number) => call<void>("DELETE", `/profiles/${enc(name)}`, { revision }),
  tryOn: (device: string, body: ProfileDraft) => call<TrialAnswer>("POST", `/devices/${enc(device)}/profile-trial`, { body, timeoutMs: DEVICE_TIMEOUT_MS }),
  walk: (device: string, object: string, limit?: number) => call<WalkAnswer>("POST", `/devices/${enc(device)}/walk`, { body: { object, ...(limit && { limit }) }, timeoutMs: DEVICE_TIMEOUT_MS }),
};

export const mibs = {
  all: (signal?: Signal) => all<MibSummary>("/mibs", {}, signal),
  upload: (text: string) => call<MibSummary>("POST", "/mibs", { body: { text } }),
  remove: (name: string) => call<void>("DELETE", `/mibs/${enc(name)}`),
  objects: (name: string, q: string, signal?: Signal) => call<Page<MibObject>>("GET", `/mibs/${enc(name)}/objects`, { query: { q, limit: 200 }, ...(signal && { signal }) }),
};
