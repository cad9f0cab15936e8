// Paints a scene on a canvas. Where things stand is `scene.ts`'s affair.

import { theme } from "../../lib/theme.svelte";
import type { Look, State } from "../../lib/ui/state";
import type { Size } from "./camera";
import { isDim, type Marked, type Scene, type SceneLine, type SceneNode } from "./scene";
import { placed, WORD_PX } from "./words";

export interface Palette {
  panel: string;
  line: string;
  ink: string;
  ink2: string;
  accent: string;
  of: (property: string) => string;
}

const FONT = "Inter, 'Segoe UI', system-ui, sans-serif";
const DIMMED = 0.22;
/** Symbols smaller than this have no room for a sign; the colour's shape says it then. */
const SIGN_FROM_PX = 6;
/** Symbols smaller than this are dots. */
const DOT_PX = 3.6;

/** The colours of the theme that is on. */
export function palette(): Palette {
  void theme.now;
  const style = getComputedStyle(document.documentElement);
  const kept = new Map<string, string>();
  const of = (property: string): string => {
    const value = kept.get(property) ?? style.getPropertyValue(property).trim();
    kept.set(property, value);
    return value;
  };
  return { panel: of("--panel"), line: of("--line"), ink: of("--ink"), ink2: of("--ink2"), accent: of("--accent"), of };
}

export function draw(ctx: CanvasRenderingContext2D, scene: Scene, marked: Marked, colours: Palette, { width, height }: Size, ratio: number): void {
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.lineJoin = "round";
  drawLines(ctx, scene.lines, marked, colours);
  for (const line of scene.lines) {
    if (line.broken) drawCross(ctx, line, marked, colours);
    else if (line.advised) drawScales(ctx, line, marked, colours);
  }
  drawDevices(ctx, scene.nodes, marked, colours);
  for (const at of scene.nodes) {
    if (at.node.site) drawSite(ctx, at, marked, colours);
    if (at.id === marked.selected || at.id === marked.hovered) drawHalo(ctx, at, marked, colours);
  }
  drawWords(ctx, scene, marked, colours);
  ctx.globalAlpha = 1;
}

/** Lines of one look are painted in one stroke: thousands of strokes would be slow. */
function drawLines(ctx: CanvasRenderingContext2D, lines: readonly SceneLine[], marked: Marked, colours: Palette): void {
  for (const line of lines) {
    const chosen = line.id === marked.selected;
    if (!chosen && line.id !== marked.hovered) continue;
    ctx.strokeStyle = colours.accent;
    ctx.globalAlpha = chosen ? 0.4 : 0.22;
    ctx.lineWidth = line.width + 8;
    ctx.beginPath();
    trace(ctx, line);
    ctx.stroke();
    ctx.globalAlpha = 1;
  }
  const groups = new Map<string, SceneLine[]>();
  for (const line of lines) {
    const key = `${line.look.name} ${line.width} ${isDim(line.edge.a, marked) || isDim(line.edge.b, marked) ? "dim" : ""}`;
    const group = groups.get(key);
    if (group) group.push(line);
    else groups.set(key, [line]);
  }
  for (const [key, group] of groups) {
    const [first] = group;
    if (!first) continue;
    ctx.globalAlpha = key.endsWith("dim") ? DIMMED : 1;
    ctx.strokeStyle = colours.of(first.look.colour);
    ctx.lineWidth = first.width;
    ctx.setLineDash([...first.look.dash]);
    ctx.beginPath();
    for (const line of group) trace(ctx, line);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

function trace(ctx: CanvasRenderingContext2D, { from, to }: SceneLine): void {
  ctx.moveTo(from.x, from.y);
  ctx.lineTo(to.x, to.y);
}

/** Two arrows that part: its traffic is better split otherwise. */
function drawScales(ctx: CanvasRenderingContext2D, line: SceneLine, marked: Marked, colours: Palette): void {
  // Off the middle, where the load is written.
  const [x, y, r] = [line.from.x + (line.to.x - line.from.x) * 0.3, line.from.y + (line.to.y - line.from.y) * 0.3, 6];
  ctx.globalAlpha = isDim(line.edge.a, marked) || isDim(line.edge.b, marked) ? DIMMED : 1;
  disc(ctx, x, y, r, colours.panel, colours.of("--info"), 1.5);
  ctx.fillStyle = colours.of("--info");
  ctx.beginPath();
  for (const way of [-1, 1]) {
    ctx.moveTo(x + way * 4, y);
    ctx.lineTo(x + way * 1, y - 2.6);
    ctx.lineTo(x + way * 1, y + 2.6);
  }
  ctx.fill();
}

function drawCross(ctx: CanvasRenderingContext2D, line: SceneLine, marked: Marked, colours: Palette): void {
  const [x, y, r] = [(line.from.x + line.to.x) / 2, (line.from.y + line.to.y) / 2, 6];
  ctx.globalAlpha = isDim(line.edge.a, marked) || isDim(line.edge.b, marked) ? DIMMED : 1;
  disc(ctx, x, y, r, colours.panel, colours.of("--bad"), 1.5);
  ctx.strokeStyle = colours.of("--bad");
  ctx.lineWidth = 1.8;
  ctx.beginPath();
  ctx.moveTo(x - 2.6, y - 2.6);
  ctx.lineTo(x + 2.6, y + 2.6);
  ctx.moveTo(x + 2.6, y - 2.6);
  ctx.lineTo(x - 2.6, y + 2.6);
  ctx.stroke();
}

const COLOUR: Record<Look, string> = { ok: "--ok", warn: "--warn", bad: "--bad", info: "--info", unk: "--unk" };

const isSolid = (look: Look): boolean => look === "bad" || look === "warn";

/** Devices of one look are painted together, as lines are; what is wrong lies on top. */
function drawDevices(ctx: CanvasRenderingContext2D, nodes: readonly SceneNode[], marked: Marked, colours: Palette): void {
  const groups = new Map<string, SceneNode[]>();
  for (const at of nodes) {
    if (at.node.site) continue;
    const key = `${LOOKS.indexOf(at.node.state.look)} ${isDim(at.id, marked) ? "dim" : ""}`;
    const group = groups.get(key);
    if (group) group.push(at);
    else groups.set(key, [at]);
  }
  for (const [key, group] of [...groups].sort(([x], [y]) => (x < y ? -1 : 1))) {
    const { look } = group[0]?.node.state ?? { look: "unk" };
    const r = group[0]?.radius ?? 0;
    const colour = colours.of(COLOUR[look]);
    ctx.globalAlpha = key.endsWith("dim") ? DIMMED : 1;
    ctx.fillStyle = isSolid(look) ? colour : colours.panel;
    ctx.strokeStyle = colour;
    ctx.lineWidth = r < SIGN_FROM_PX ? 1.4 : 2;
    if (r < DOT_PX) {
      // Thousands of dots: a filled square costs a tenth of a ring, and looks the same.
      ctx.fillStyle = colour;
      for (const { x, y, radius } of group) ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    } else {
      ctx.setLineDash(look === "unk" ? [3, 2.5] : []);
      circles(ctx, group, 0);
      ctx.fill();
      ctx.stroke();
      ctx.setLineDash([]);
    }
    if (r >= SIGN_FROM_PX) {
      if (look !== "ok") for (const at of group) drawSign(ctx, at.node.state.icon, at.x, at.y, at.radius, isSolid(look) ? colours.panel : colour);
    } else if (isSolid(look)) {
      // Too small for a sign: a rim sets it apart from what is well, whatever its colour.
      ctx.lineWidth = 1.2;
      circles(ctx, group, 2.5);
      ctx.stroke();
    }
  }
}

/** Least first: the last is painted on top. */
const LOOKS: readonly Look[] = ["ok", "unk", "info", "warn", "bad"];

function circles(ctx: CanvasRenderingContext2D, nodes: readonly SceneNode[], more: number): void {
  ctx.beginPath();
  for (const { x, y, radius } of nodes) {
    ctx.moveTo(x + radius + more, y);
    ctx.arc(x, y, radius + more, 0, 2 * Math.PI);
  }
}

/** States of a site's devices, in the order in which its ring shows them from the top. */
const SHARES = [
  ["down", "--bad"],
  ["degraded", "--warn"],
  ["unknown", "--unk"],
  ["maintenance", "--info"],
  ["up", "--ok"],
] as const;
/** The least part of the ring that is still seen, of one. */
const SHARE_MIN = 0.05;

/** A site: how many devices, a ring of their states, and the sign of the worst. */
function drawSite(ctx: CanvasRenderingContext2D, { node, x, y, radius: r }: SceneNode, marked: Marked, colours: Palette): void {
  const { site, state } = node;
  if (!site) return;
  ctx.globalAlpha = isDim(node.id, marked) ? DIMMED : 1;
  disc(ctx, x, y, r, colours.panel, colours.panel, 3);
  const shares = SHARES.map(([name, colour]) => ({ colour, share: site.counts[name] === 0 ? 0 : Math.max(SHARE_MIN, site.counts[name] / site.devices.length) }));
  const whole = shares.reduce((sum, { share }) => sum + share, 0);
  let from = -Math.PI / 2;
  ctx.lineWidth = 4;
  for (const { colour, share } of shares) {
    if (share === 0) continue;
    const to = from + (share / whole) * 2 * Math.PI;
    ctx.strokeStyle = colours.of(colour);
    ctx.beginPath();
    ctx.arc(x, y, r - 2, from, to);
    ctx.stroke();
    from = to;
  }
  ctx.fillStyle = colours.ink;
  ctx.font = `600 ${Math.max(10, Math.round(r * 0.62))}px ${FONT}`;
  centred(ctx, String(site.devices.length), x, y + 0.5);
  if (state.look === "ok") return;
  const [bx, by, br] = [x + r * 0.72, y - r * 0.72, 7];
  const colour = colours.of(COLOUR[state.look]);
  disc(ctx, bx, by, br, isSolid(state.look) ? colour : colours.panel, isSolid(state.look) ? colours.panel : colour, 1.5);
  drawSign(ctx, state.icon, bx, by, br, isSolid(state.look) ? colours.panel : colour);
}

/** A ring around what is chosen or under the pointer. */
function drawHalo(ctx: CanvasRenderingContext2D, { id, x, y, radius }: SceneNode, marked: Marked, colours: Palette): void {
  const chosen = id === marked.selected;
  ctx.globalAlpha = chosen ? 1 : 0.5;
  disc(ctx, x, y, radius + 5, "transparent", colours.accent, marked.focused && chosen ? 3 : 2);
}

function drawSign(ctx: CanvasRenderingContext2D, icon: State["icon"], x: number, y: number, radius: number, colour: string): void {
  const s = radius / 10;
  ctx.fillStyle = colour;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2 * s;
  ctx.lineCap = "round";
  ctx.beginPath();
  switch (icon) {
    case "triangle":
      ctx.moveTo(x, y - 5 * s);
      ctx.lineTo(x + 5 * s, y + 3.6 * s);
      ctx.lineTo(x - 5 * s, y + 3.6 * s);
      ctx.fill();
      break;
    case "bang":
      ctx.moveTo(x, y - 5 * s);
      ctx.lineTo(x, y + 1 * s);
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(x, y + 4.6 * s, 1.3 * s, 0, 2 * Math.PI);
      ctx.fill();
      break;
    case "clock":
      ctx.lineWidth = 1.6 * s;
      ctx.moveTo(x, y - 4 * s);
      ctx.lineTo(x, y);
      ctx.lineTo(x + 3 * s, y + 2 * s);
      ctx.stroke();
      break;
    case "question":
      ctx.font = `600 ${Math.round(13 * s)}px ${FONT}`;
      centred(ctx, "?", x, y + 0.5);
      break;
  }
  ctx.lineCap = "butt";
}

/** Names and loads, where `words.ts` found room for them. */
function drawWords(ctx: CanvasRenderingContext2D, scene: Scene, marked: Marked, colours: Palette): void {
  const font = (strong: boolean): string => `${strong ? 600 : 400} ${WORD_PX}px ${FONT}`;
  const measure = (text: string, strong: boolean): number => {
    const key = `${strong ? "+" : ""}${text}`;
    const known = widths.get(key);
    if (known !== undefined) return known;
    if (widths.size >= WIDTHS_MAX) widths.clear();
    ctx.font = font(strong);
    const { width } = ctx.measureText(text);
    widths.set(key, width);
    return width;
  };
  const words = placed(scene, marked, measure);
  ctx.lineWidth = 4;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.strokeStyle = colours.panel;
  for (const word of words) {
    ctx.font = font(word.strong);
    ctx.globalAlpha = word.dim ? DIMMED : 1;
    ctx.fillStyle = word.strong ? colours.ink : colours.ink2;
    ctx.strokeText(word.text, word.x, word.y);
    ctx.fillText(word.text, word.x, word.y);
  }
}

/** Measuring a text costs more than drawing a node; names come again with every frame. */
const widths = new Map<string, number>();
const WIDTHS_MAX = 20_000;

function disc(ctx: CanvasRenderingContext2D, x: number, y: number, r: number, fill: string, stroke: string, wide: number): void {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 2 * Math.PI);
  if (fill !== "transparent") {
    ctx.fillStyle = fill;
    ctx.fill();
  }
  ctx.strokeStyle = stroke;
  ctx.lineWidth = wide;
  ctx.stroke();
}

function centred(ctx: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(text, x, y);
}
