// Light or dark: the system's preference until the operator chooses, then the choice, kept in the
// browser.

export type Theme = "light" | "dark";

const KEY = "foretell.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

function kept(): Theme | null {
  try {
    const text = localStorage.getItem(KEY);
    return text === "light" || text === "dark" ? text : null;
  } catch {
    return null;
  }
}

class ThemeChoice {
  #chosen = $state<Theme | null>(kept());
  #system = $state<Theme>(system.matches ? "dark" : "light");

  constructor() {
    system.addEventListener("change", (event) => (this.#system = event.matches ? "dark" : "light"));
    this.#apply();
  }

  get now(): Theme {
    return this.#chosen ?? this.#system;
  }

  toggle(): void {
    this.#chosen = this.now === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, this.#chosen);
    } catch {
      // Kept for this visit only.
    }
    this.#apply();
  }

  #apply(): void {
    if (this.#chosen) document.documentElement.dataset.theme = this.#chosen;
    else delete document.documentElement.dataset.theme;
  }
}

export const theme = new ThemeChoice();
