// How links and their ends are called. Pure.

import type { Device } from "../../lib/api/shapes";
import type { Carrying } from "./load";

export interface EndText {
  device: string;
  deviceId: string;
  port: string | null;
  portId: string | null;
}

/** Both ends of a link, the one at `first` (a device) before the other. */
export function endsOf({ link, load }: Carrying, devices: ReadonlyMap<string, Device>, first?: string): [EndText, EndText] {
  const text = (end: "a" | "b"): EndText => {
    const { device_id, interface_id } = link[end];
    return { device: devices.get(device_id)?.name ?? device_id, deviceId: device_id, port: load?.[end].interface ?? null, portId: interface_id ?? null };
  };
  return link.b.device_id === first ? [text("b"), text("a")] : [text("a"), text("b")];
}

/** `ams-core-1 te0/0/0`. */
export function called({ device, port }: EndText): string {
  return port === null ? device : `${device} ${port}`;
}

/** Where the port's chart is, else its device. */
export function hrefOf({ deviceId, portId }: EndText): string {
  return portId === null ? `/devices/${deviceId}` : `/devices/${deviceId}?if=${portId}`;
}
