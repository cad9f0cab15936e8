// How each state is called and drawn: never by colour alone. Pure.

import type { Device, Interface, Link } from "../api/shapes";

export type Look = "ok" | "warn" | "bad" | "info" | "unk";

export interface State {
  word: string;
  look: Look;
  /** Which shape `StateMark` draws. */
  icon: "check" | "triangle" | "bang" | "question" | "clock" | "dash";
}

export const STATES = {
  up: { word: "Up", look: "ok", icon: "check" },
  degraded: { word: "Degraded", look: "warn", icon: "bang" },
  down: { word: "Down", look: "bad", icon: "triangle" },
  unknown: { word: "Unknown", look: "unk", icon: "question" },
  maintenance: { word: "Maintenance", look: "info", icon: "clock" },
} as const satisfies Record<string, State>;

/** A device's state. One that is worked on still shows what was measured, in its evidence. */
export function ofDevice(device: Pick<Device, "status" | "maintenance">): State {
  return device.maintenance ? STATES.maintenance : STATES[device.status];
}

/** An interface's state: shut on purpose is not a fault. */
export function ofInterface(row: Pick<Interface, "admin_status" | "oper_status">): State {
  if (row.admin_status === "down") return { word: "Shut", look: "unk", icon: "dash" };
  switch (row.oper_status) {
    case "up":
      return STATES.up;
    case "down":
      return STATES.down;
    case "lowerLayerDown":
      return { word: "Lower layer down", look: "bad", icon: "triangle" };
    case "notPresent":
      return { word: "Not present", look: "unk", icon: "dash" };
    case "dormant":
      return { word: "Dormant", look: "unk", icon: "dash" };
    case "testing":
      return { word: "Testing", look: "info", icon: "clock" };
    default:
      return STATES.unknown;
  }
}

export function ofLink(link: Pick<Link, "status">): State {
  return STATES[link.status];
}
