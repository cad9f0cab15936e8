// Which rows of a long list are drawn. Pure.

/** Rows drawn beyond each edge, so that a quick scroll shows no blank. */
export const OVERSCAN = 8;

export interface Window {
  first: number;
  /** One past the last. */
  end: number;
}

/** The rows to draw of `total`, where `scrolled` pixels of the list are above the viewport. */
export function visible(total: number, rowPx: number, scrolled: number, viewportPx: number): Window {
  const first = Math.max(0, Math.floor(scrolled / rowPx) - OVERSCAN);
  const end = Math.min(total, Math.ceil((scrolled + viewportPx) / rowPx) + OVERSCAN);
  return { first: Math.min(first, Math.max(0, end)), end: Math.max(end, 0) };
}
