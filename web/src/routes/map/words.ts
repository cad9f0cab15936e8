// Which names and loads have room on the map, and where they stand. Pure.

import type { MapNode } from "./fold";
import { isDim, type Marked, type Scene } from "./scene";

export interface Word {
  text: string;
  /** The middle of the text. */
  x: number;
  y: number;
  strong: boolean;
  dim: boolean;
}

export const WORD_PX = 12;
/** Between a symbol and the middle of its name. */
const BELOW_PX = 12;
/** Lines shorter than this have no room for words. */
const LINE_PX = 96;
/** Words that are tried; on a screen full of symbols hardly more have room. */
const TRIED_MAX = 800;
/** Room is given out in squares of this size. */
const CELL_PX = 6;
/** A name may come this close to a symbol, its own above all. */
const RIM_PX = 4;

/** Beyond these a word is written though it lies on others. */
const CHOSEN = 1e6;

interface Wanted extends Word {
  rank: number;
  /** What is written where the whole has no room. */
  short: string;
}

/** The more telling ones first; what would lie over another is left out. */
export function placed(scene: Scene, marked: Marked, measure: (text: string, strong: boolean) => number): Word[] {
  const taken = new Set<number>();
  for (const { node, x, y, radius } of scene.nodes) {
    const r = radius - RIM_PX;
    if (r > 0 && (node.degree > 0 || node.state.look !== "ok")) occupy(taken, x - r, y - r, 2 * r, 2 * r);
  }
  const out: Word[] = [];
  for (const { rank, short, ...word } of wanted(scene, marked)) {
    for (const text of word.text === short ? [short] : [word.text, short]) {
      const wide = measure(text, word.strong);
      const [left, top] = [word.x - wide / 2, word.y - WORD_PX / 2];
      if (rank < CHOSEN && isOccupied(taken, left, top, wide, WORD_PX)) continue;
      occupy(taken, left, top, wide, WORD_PX);
      out.push({ ...word, text });
      break;
    }
  }
  return out;
}

function wanted({ nodes, lines }: Scene, marked: Marked): Wanted[] {
  const isChosen = (id: string): boolean => id === marked.selected || id === marked.hovered;
  const words: Wanted[] = nodes.map(({ node, x, y, radius }) => {
    const dim = isDim(node.id, marked);
    const rank = isChosen(node.id) ? CHOSEN : (dim ? -1e5 : 0) + (node.site ? 2000 : 0) + (node.state.look === "ok" ? 0 : 1000) + node.degree;
    return { text: named(node), short: node.label, x, y: y + radius + BELOW_PX, rank, strong: isChosen(node.id) || node.site !== null, dim };
  });
  for (const line of lines) {
    const { from, to, text, broken } = line;
    if (text === "" || Math.hypot(to.x - from.x, to.y - from.y) < LINE_PX) continue;
    const dim = isDim(line.edge.a, marked) || isDim(line.edge.b, marked);
    const rank = isChosen(line.id) ? CHOSEN : dim ? -1e5 : broken ? 900 : -1;
    words.push({ text, short: text, x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 + (broken ? 16 : 0), rank, strong: false, dim });
  }
  return words.sort((a, b) => b.rank - a.rank).slice(0, TRIED_MAX);
}

/** A site says beside its name what is wrong in it. */
function named({ label, site, state }: MapNode): string {
  return site === null || state.look === "ok" ? label : `${label}, ${state.word.replace(/ devices? /, " ").toLowerCase()}`;
}

/** Columns of the grid of squares; far more than a screen has. */
const COLUMNS = 65_536;

function* cells(left: number, top: number, wide: number, high: number): Generator<number> {
  for (let y = Math.floor(top / CELL_PX); y <= Math.floor((top + high) / CELL_PX); y += 1) {
    for (let x = Math.floor(left / CELL_PX); x <= Math.floor((left + wide) / CELL_PX); x += 1) yield y * COLUMNS + x;
  }
}

function occupy(taken: Set<number>, left: number, top: number, wide: number, high: number): void {
  for (const cell of cells(left, top, wide, high)) taken.add(cell);
}

function isOccupied(taken: ReadonlySet<number>, left: number, top: number, wide: number, high: number): boolean {
  for (const cell of cells(left, top, wide, high)) if (taken.has(cell)) return true;
  return false;
}
