// The routes of what is kept: retention, backups, the archive, and long work on it. Only the page of storage asks them, so they are no
// part of the first load.

import { call, ifThere, upload, type Query } from "./call";
import { all } from "./routes";
import type {
  ArchivedDay,
  ArchiveStatus,
  AuditEntry,
  Backup,
  Deleted,
  ExportRequest,
  Job,
  MetricType,
  MetricTypeCreate,
  Page,
  RetentionHold,
  RetentionHoldCreate,
  RetentionHoldPatch,
  RetentionPolicy,
  RetentionPolicyChange,
  RetentionPolicyCreate,
  RetentionPolicyPatch,
  RetentionPreview,
  RetentionStanding,
  SampleFormat,
} from "./shapes";

type Signal = AbortSignal | undefined;
const enc = encodeURIComponent;

/** A dry run looks into as many files as a pass of retention does. */
const PREVIEW_TIMEOUT_MS = 60_000;

export const retention = {
  standing: (signal?: Signal) => call<RetentionStanding>("GET", "/retention", { ...(signal && { signal }) }),
  policies: (signal?: Signal) => all<RetentionPolicy>("/retention/policies", {}, signal),
  createPolicy: (body: RetentionPolicyCreate) => call<RetentionPolicy>("POST", "/retention/policies", { body }),
  changePolicy: (id: string, revision: number, body: RetentionPolicyPatch) => call<RetentionPolicy>("PATCH", `/retention/policies/${enc(id)}`, { body, revision }),
  removePolicy: (id: string, revision: number) => call<void>("DELETE", `/retention/policies/${enc(id)}`, { revision }),
  /** What would go with the next pass; after a change of one policy. */
  preview: (change?: RetentionPolicyChange, signal?: Signal) =>
    call<RetentionPreview>("POST", "/retention/preview", { body: change ? { change } : {}, timeoutMs: PREVIEW_TIMEOUT_MS, ...(signal && { signal }) }),
  holds: (signal?: Signal) => all<RetentionHold>("/retention/holds", {}, signal),
  placeHold: (body: RetentionHoldCreate) => call<RetentionHold>("POST", "/retention/holds", { body }),
  changeHold: (id: string, revision: number, body: RetentionHoldPatch) => call<RetentionHold>("PATCH", `/retention/holds/${enc(id)}`, { body, revision }),
  releaseHold: (id: string, revision: number) => call<void>("DELETE", `/retention/holds/${enc(id)}`, { revision }),
};

/** Backups that are listed, the latest first. */
const BACKUPS_MAX = 100;

export const backups = {
  latest: async (signal?: Signal) => (await call<Page<Backup>>("GET", "/backups", { query: { limit: BACKUPS_MAX }, ...(signal && { signal }) })).items,
  one: (id: string, signal?: Signal) => call<Backup>("GET", `/backups/${enc(id)}`, { ...(signal && { signal }) }),
  start: () => call<Backup>("POST", "/backups"),
};

/** Jobs that are listed, the latest first; the server keeps a hundred. */
const JOBS_MAX = 50;

export const jobs = {
  /** Null where the server has none. */
  latest: async (signal?: Signal) => (await ifThere(call<Page<Job>>("GET", "/jobs", { query: { limit: JOBS_MAX }, ...(signal && { signal }) })))?.items ?? null,
  one: (id: string, signal?: Signal) => call<Job>("GET", `/jobs/${enc(id)}`, { ...(signal && { signal }) }),
  cancel: (id: string) => call<Job>("POST", `/jobs/${enc(id)}/cancel`),
};

export interface ImportOptions {
  format: SampleFormat;
  dryRun: boolean;
  createMetrics: boolean;
}

/** Counting all that a delete would meet takes longer than an ordinary answer. */
const COUNT_TIMEOUT_MS = 60_000;

export const samples = {
  /** Where the file of an export is: a plain link, which the session's cookie opens. */
  contentOf: (job: string): string => `/api/v1/exports/${enc(job)}/content`,
  export: (body: ExportRequest) => call<Job>("POST", "/exports", { body }),
  /** Sends a file, or its first piece where `more` are to come. */
  import: (piece: Blob, { format, dryRun, createMetrics }: ImportOptions, more: boolean, signal?: Signal) =>
    upload<Job>("POST", "/imports/samples", piece, { query: { format, dry_run: dryRun, create_metrics: createMetrics, more }, ...(signal && { signal }) }),
  /** The next piece, of which so many octets come before. */
  send: (job: string, offset: number, piece: Blob, signal?: Signal) => upload<{ bytes: number }>("PUT", `/imports/${enc(job)}/content`, piece, { query: { offset }, ...(signal && { signal }) }),
  run: (job: string) => call<Job>("POST", `/imports/${enc(job)}/run`),
  /** What a delete would meet. Nothing is changed. */
  wouldDelete: (of: DeleteRange) => call<Deleted>("DELETE", "/samples", { query: { ...of, dry_run: true }, timeoutMs: COUNT_TIMEOUT_MS }),
  delete: (of: DeleteRange) => call<Job>("DELETE", "/samples", { query: { ...of } }),
};
export interface DeleteRange {
  match: string;
  from: string;
  to: string;
  reason: string;
}

export const metricTypes = {
  /** Those that users made; null where the server has none of them. */
  own: (signal?: Signal) => ifThere(all<MetricType>("/metric-types", { own: true }, signal)),
  create: (body: MetricTypeCreate) => call<MetricType>("POST", "/metric-types", { body }),
  setHelp: (name: string, revision: number, help: string) => call<MetricType>("PATCH", `/metric-types/${enc(name)}`, { body: { help }, revision }),
  remove: (name: string, revision: number) => call<void>("DELETE", `/metric-types/${enc(name)}`, { revision }),
};

export const audit = {
  page: (query: Query, signal?: Signal) => call<Page<AuditEntry>>("GET", "/audit", { query, ...(signal && { signal }) }),
};

export const archive = {
  /** Null where the settings name none (409), or where it is not for this person. */
  status: (signal?: Signal) => ifThere(call<ArchiveStatus>("GET", "/archive", { ...(signal && { signal }) }), [403, 404, 409]),
  days: (query: Query, signal?: Signal) => call<Page<ArchivedDay>>("GET", "/archive/days", { query, ...(signal && { signal }) }),
  run: () => call<Job>("POST", "/archive/runs", { body: {} }),
  restore: (body: { from: string; to: string; keep_days: number }) => call<Job>("POST", "/archive/restores", { body }),
  check: (body: { from?: string; to?: string }) => call<Job>("POST", "/archive/checks", { body }),
};
