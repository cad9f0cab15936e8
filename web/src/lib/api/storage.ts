// The routes of what is kept: retention, backups. Only the page of storage asks them, so they are no
// part of the first load.

import { call } from "./call";
import { all } from "./routes";
import type {
  Backup,
  Page,
  RetentionHold,
  RetentionHoldCreate,
  RetentionHoldPatch,
  RetentionPolicy,
  RetentionPolicyCreate,
  RetentionPolicyPatch,
  RetentionPreview,
  RetentionStanding,
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
  /** What would go with the next pass; by `policies` in the place of those that operators made. */
  preview: (policies?: RetentionPolicyCreate[], signal?: Signal) =>
    call<RetentionPreview>("POST", "/retention/preview", { body: policies ? { policies } : {}, timeoutMs: PREVIEW_TIMEOUT_MS, ...(signal && { signal }) }),
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
