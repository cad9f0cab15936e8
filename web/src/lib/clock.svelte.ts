// The one ticking clock of the page, for ages such as `12 s ago`.

class Tick {
  now = $state(Date.now());
  constructor() {
    setInterval(() => {
      if (document.visibilityState === "visible") this.now = Date.now();
    }, 1000);
    document.addEventListener("visibilitychange", () => (this.now = Date.now()));
  }
}

export const clock = new Tick();
