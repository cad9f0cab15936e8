// What the stand-in server tells of logs: invented lines of each device and of a sender that is none.

const TEXTS = [
  [3, "%LINK-3-UPDOWN: Interface te0/0/0, changed state to down", { format: "cisco", message_id: "LINK-3-UPDOWN" }],
  [5, "%LINEPROTO-5-UPDOWN: Line protocol on Interface te0/0/1, changed state to up", { format: "cisco", message_id: "LINEPROTO-5-UPDOWN" }],
  [6, "sshd[4721]: Accepted publickey for admin from 192.0.2.77 port 50022 ssh2", { format: "rfc3164", app: "sshd", process: "4721" }],
  [4, "mgd[913]: UI_COMMIT_PROGRESS: a commit is under way with a word-that-is-long-and-has-no-place-to-break-within-a-narrow-column", { format: "rfc5424", app: "mgd", process: "913", structured: [{ id: "junos@2636", parameters: [{ name: "user", value: "admin" }] }] }],
];

/** All lines, the latest first: one a minute and device in turn. */
function lines(net, now) {
  return Array.from({ length: 260 }, (_, n) => {
    const device = n % 9 === 8 ? null : net.devices[n % Math.min(3, net.devices.length)];
    const [severity, text, extra] = TEXTS[n % TEXTS.length];
    const at = now - 5000 - n * 12_000;
    return {
      id: `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`,
      received_at: new Date(at).toISOString(),
      vantage: "local",
      device_id: device?.id ?? null,
      device_name: device?.name ?? null,
      source: device?.address ?? "203.0.113.9",
      severity,
      text,
      details: { transport: "udp", facility: 23, device_time: "Mar  1 00:00:00 UTC", device_at: new Date(at - (n % 7 === 0 ? 7_200_000 : 0)).toISOString(), ...extra },
    };
  });
}

/** Those that a query asks for. */
export function logs(net, query, now) {
  const words = (query.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return lines(net, now)
    .filter((line) => !query.get("device_id") || line.device_id === query.get("device_id"))
    .filter((line) => !query.get("severity") || line.severity <= Number(query.get("severity")))
    .filter((line) => line.received_at >= (query.get("from") ?? "") && line.received_at < (query.get("to") ?? "9"))
    .filter((line) => words.every((word) => line.text.toLowerCase().includes(word)));
}
