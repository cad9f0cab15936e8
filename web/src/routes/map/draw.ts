// Paints a scene on a canvas. Where things stand is `scene.ts`'s affair.

import type { Size } from "./camera";
import { theme } from "../../lib/theme.svelte";
import type { Look } from "../../lib/ui/state";
import type { Scene, SceneLine, SceneNode } from "./scene";

export interface Marked {
  /** A node or a line. */
  selected: string | null;
  hovered: string | null;
  /** Whether the keyboard is here: what is selected then shows it. */
  focused: boolean;
  /** What a search found; the rest steps back. Null where there is none. */
  found: ReadonlySet<string> | null;
}

export interface Palette {
  panel: string;
  line: string;
  ink: string;
  ink2: string;
  accent: string;
  of: (property: string) => string;
}

const FONT = "Inter, 'Segoe UI', system-ui, sans-serif";
const LABEL_PX = 12;
/** Lines shorter than this have no room for words. */
const WORDS_FROM_PX = 96;
const DIMMED = 0.22;
/** Symbols smaller than this have no room for a sign; the colour's shape says it then. */
const SIGN_FROM_PX = 6;

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
  for (const line of scene.lines) if (line.broken) drawCross(ctx, line, marked, colours);
  for (const node of scene.nodes) drawNode(ctx, node, marked, colours);
  drawWords(ctx, scene, marked, colours);
  ctx.globalAlpha = 1;
}

/** Lines of one look are painted in one stroke: thousands of strokes would be slow. */
function drawLines(ctx: CanvasRenderingContext2D, lines: readonly SceneLine[], marked: Marked, colours: Palette): void {
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
}

function trace(ctx: CanvasRenderingContext2D, { from, to }: SceneLine): void {
  ctx.moveTo(from.x, from.y);
  ctx.lineTo(to.x, to.y);
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

function drawNode(ctx: CanvasRenderingContext2D, at: SceneNode, marked: Marked, colours: Palette): void {
  const { node, x, y, radius: r } = at;
  const { look } = node.state;
  const colour = colours.of(COLOUR[look]);
  const solid = look === "bad" || look === "warn";
  ctx.globalAlpha = isDim(node.id, marked) ? DIMMED : 1;
  if (node.id === marked.selected || node.id === marked.hovered) {
    ctx.globalAlpha *= node.id === marked.selected ? 1 : 0.5;
    disc(ctx, x, y, r + 5, "transparent", colours.accent, marked.focused && node.id === marked.selected ? 3 : 2);
    ctx.globalAlpha = isDim(node.id, marked) ? DIMMED : 1;
  }
  if (node.site) disc(ctx, x, y, r + 3, colours.panel, colour, 1);
  if (look === "unk") ctx.setLineDash([3, 2.5]);
  disc(ctx, x, y, r, solid ? colour : colours.panel, colour, r < SIGN_FROM_PX ? 1.4 : 2);
  ctx.setLineDash([]);
  if (solid && r < SIGN_FROM_PX) {
    // Too small for a sign: a rim sets it apart from what is well, whatever its colour.
    disc(ctx, x, y, r + 2.5, "transparent", colour, 1.2);
  } else if (r >= SIGN_FROM_PX) drawSign(ctx, at, solid ? colours.panel : colour);
}

function drawSign(ctx: CanvasRenderingContext2D, { node, x, y, radius }: SceneNode, colour: string): void {
  const s = radius / 10;
  ctx.fillStyle = colour;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2 * s;
  ctx.lineCap = "round";
  ctx.beginPath();
  switch (node.state.icon) {
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
    default:
      if (node.site) {
        ctx.font = `600 ${Math.max(10, Math.round(radius * 0.72))}px ${FONT}`;
        centred(ctx, String(node.site.devices.length), x, y + 0.5);
      }
  }
  ctx.lineCap = "butt";
}

interface Word {
  text: string;
  x: number;
  y: number;
  rank: number;
  strong: boolean;
  dim: boolean;
}

/** Names and loads, the more telling first; one that would lie over another is left out. */
function drawWords(ctx: CanvasRenderingContext2D, { nodes, lines }: Scene, marked: Marked, colours: Palette): void {
  const words: Word[] = [];
  for (const { node, x, y, radius } of nodes) {
    const dim = isDim(node.id, marked);
    const chosen = node.id === marked.selected || node.id === marked.hovered;
    const rank = chosen ? 1e6 : (dim ? -1e5 : 0) + (node.site ? 2000 : 0) + (node.state.look === "ok" ? 0 : 1000) + node.degree;
    words.push({ text: node.label, x, y: y + radius + 11, rank, strong: chosen || node.site !== null, dim });
  }
  for (const line of lines) {
    if (line.text === "" || Math.hypot(line.to.x - line.from.x, line.to.y - line.from.y) < WORDS_FROM_PX) continue;
    const dim = isDim(line.edge.a, marked) || isDim(line.edge.b, marked);
    const middle = { x: (line.from.x + line.to.x) / 2, y: (line.from.y + line.to.y) / 2 + (line.broken ? 16 : 0) };
    const chosen = line.id === marked.selected || line.id === marked.hovered;
    words.push({ text: line.text, ...middle, rank: chosen ? 9e5 : dim ? -1e5 : line.broken ? 900 : -1, strong: false, dim });
  }
  words.sort((a, b) => b.rank - a.rank);
  const taken = new Set<string>();
  for (const { node, x, y, radius } of nodes) if (node.degree > 0 || node.state.look !== "ok") occupy(taken, x - radius, y - radius, 2 * radius, 2 * radius);
  ctx.lineWidth = 3;
  for (const word of words) {
    ctx.font = `${word.strong ? 600 : 400} ${LABEL_PX}px ${FONT}`;
    const wide = ctx.measureText(word.text).width;
    const [left, top] = [word.x - wide / 2, word.y - LABEL_PX / 2];
    if (word.rank < 9e5 && isOccupied(taken, left, top, wide, LABEL_PX)) continue;
    occupy(taken, left, top, wide, LABEL_PX);
    ctx.globalAlpha = word.dim ? DIMMED : 1;
    ctx.strokeStyle = colours.panel;
    ctx.fillStyle = word.strong ? colours.ink : colours.ink2;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.strokeText(word.text, word.x, word.y);
    ctx.fillText(word.text, word.x, word.y);
  }
}

const CELL_PX = 8;

function cells(left: number, top: number, wide: number, high: number): string[] {
  const out: string[] = [];
  for (let x = Math.floor(left / CELL_PX); x <= Math.floor((left + wide) / CELL_PX); x += 1) {
    for (let y = Math.floor(top / CELL_PX); y <= Math.floor((top + high) / CELL_PX); y += 1) out.push(`${x},${y}`);
  }
  return out;
}

function occupy(taken: Set<string>, left: number, top: number, wide: number, high: number): void {
  for (const cell of cells(left, top, wide, high)) taken.add(cell);
}

function isOccupied(taken: ReadonlySet<string>, left: number, top: number, wide: number, high: number): boolean {
  return cells(left, top, wide, high).some((cell) => taken.has(cell));
}

function isDim(id: string, { found, selected, hovered }: Marked): boolean {
  return found !== null && !found.has(id) && id !== selected && id !== hovered;
}

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
