// What the form of a device sends: everything of a new one, only what changed of one that is there.
// Pure.

import type { Device, DeviceCreate, DevicePatch } from "../../lib/api/shapes";

export interface Form {
  name: string;
  address: string;
  port: number;
  site: string;
  location: string;
  tags: string;
  /** Empty: those that match. */
  profile: string;
  /** Null: what the server is set to. */
  interval_secs: number | null;
  credential_id: string;
  maintenance: boolean;
}

export function filled(device: Device | undefined): Form {
  return {
    name: device?.name ?? "",
    address: device?.address ?? "",
    port: device?.port ?? 161,
    site: device?.site ?? "",
    location: device?.location ?? "",
    tags: device?.tags.join(", ") ?? "",
    profile: device?.profile ?? "",
    interval_secs: device?.interval_secs ?? null,
    credential_id: device?.credential_id ?? "",
    maintenance: device?.maintenance ?? false,
  };
}

export function tagsOf(text: string): string[] {
  return [...new Set(text.split(/[,\s]+/).filter(Boolean))].sort();
}

/** What was typed; an empty field is null. */
function typed(form: Form) {
  return {
    name: form.name.trim() || null,
    address: form.address.trim(),
    port: form.port,
    site: form.site.trim() || null,
    location: form.location.trim() || null,
    tags: tagsOf(form.tags),
    profile: form.profile.trim() || null,
    interval_secs: form.interval_secs ?? null,
    credential_id: form.credential_id || null,
    maintenance: form.maintenance,
  };
}

/** The body of POST. */
export function createOf(form: Form): DeviceCreate {
  return typed(form);
}

/** The body of PATCH: what changed; an emptied field becomes null. */
export function patchOf(form: Form, before: Form): DevicePatch {
  const was: Record<string, unknown> = typed(before);
  return Object.fromEntries(Object.entries(typed(form)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name])));
}
