import { describe, expect, it } from "vitest";
import type { Anomaly } from "../api/shapes";
import { commonWords, grouped, ofAnomaly, placeOf } from "./anomaly";

const one = (id: string, group: Anomaly["group"] = null): Anomaly => ({ id, group, kind: "spike", state: "open", device_id: "d", device_name: "core1", interface_id: null, metric: "ifHCInOctets" }) as Anomaly;

describe("anomalies", () => {
  it("are told by word and icon, not by colour alone", () => {
    expect(ofAnomaly({ kind: "flat_line", state: "open" })).toEqual({ word: "Flat line", look: "warn", icon: "bang" });
    expect(ofAnomaly({ kind: "dip", state: "ended" }).look).toBe("unk");
  });
  it("are folded by what they have in common, in their order", () => {
    const groups = grouped([one("a", { id: "a", scope: "device" }), one("b"), one("c", { id: "a", scope: "device" })]);
    expect(groups.map((g) => g.members.length)).toEqual([2, 1]);
    expect(groups.map(commonWords)).toEqual(["2 series of core1 together", ""]);
  });
  it("lead to their chart", () => {
    expect(placeOf({ ...one("a"), interface_id: "i" })).toBe("/devices/d?range=6h&if=i&anomaly=a");
  });
});
