// What the form of a device sends: everything of a new one, only what changed of one that is there.
// Pure.

import type { DeviceInput } from "../../lib/api/routes";
import type { Device } from "../../lib/api/shapes";

export interface Form {
  name: string;
  address: string;
  port: number;
  site: string;
  location: string;
  tags: string;
  interval_secs: number;
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
    interval_secs: device?.interval_secs ?? 60,
    credential_id: device?.credential_id ?? "",
    maintenance: device?.maintenance ?? false,
  };
}

export function tagsOf(text: string): string[] {
  return [...new Set(text.split(/[,\s]+/).filter(Boolean))].sort();
}

/** The body of POST, or of PATCH where there was something `before`; an emptied field becomes null. */
export function bodyOf(form: Form, before?: Form): DeviceInput {
  const all = {
    name: form.name.trim() || null,
    address: form.address.trim(),
    port: form.port,
    site: form.site.trim() || null,
    location: form.location.trim() || null,
    tags: tagsOf(form.tags),
    interval_secs: form.interval_secs,
    credential_id: form.credential_id || null,
    maintenance: form.maintenance,
  };
  if (!before) return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== null)) as DeviceInput;
  const was = bodyOf(before) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name] ?? null)),
  ) as DeviceInput;
}
