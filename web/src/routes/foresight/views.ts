// The views of foresight, as the address names them. Pure.

export const VIEWS = [
  { name: "coming", label: "What will break" },
  { name: "capacity", label: "Capacity" },
  { name: "balance", label: "Balance" },
  { name: "scaling", label: "Scaling" },
  { name: "accuracy", label: "How good it was" },
] as const;
export type View = (typeof VIEWS)[number]["name"];

export function viewOf(text: string | null): View {
  return VIEWS.find((view) => view.name === text)?.name ?? "coming";
}
