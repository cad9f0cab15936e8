// Who is signed in. The session itself is a cookie that no script can read.

import { Failure, onSignedOut } from "./api/call";
import { session } from "./api/routes";
import { live } from "./live/live.svelte";

class Account {
  state = $state<"asking" | "out" | "in" | "unreachable">("asking");
  name = $state("");

  constructor() {
    onSignedOut(() => this.#leave());
  }

  async ask(): Promise<void> {
    try {
      const me = await session.me();
      this.name = me.username ?? me.name ?? "";
      this.state = "in";
      live.start();
    } catch (error) {
      if (error instanceof Failure && error.status !== 401) this.state = "unreachable";
      else this.#leave();
    }
  }

  async signIn(name: string, password: string): Promise<void> {
    await session.signIn(name, password);
    await this.ask();
  }

  async signOut(): Promise<void> {
    try {
      await session.signOut();
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    live.stop();
    this.state = "out";
  }
}

export const account = new Account();
