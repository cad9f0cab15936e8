// Runs the layout beside the page, so that a large network does not hold it up.

import { arrange, type LayoutNode, type Place } from "./layout";

export interface Ask {
  seq: number;
  nodes: readonly LayoutNode[];
  links: readonly (readonly [string, string])[];
  kept: readonly (readonly [string, Place])[];
}

export interface Told {
  seq: number;
  places: [string, Place][];
}

self.onmessage = ({ data }: MessageEvent<Ask>) => {
  const places = arrange({ nodes: data.nodes, links: data.links, kept: new Map(data.kept) });
  self.postMessage({ seq: data.seq, places: [...places] } satisfies Told);
};
