// Who is signed in. The session itself is a cookie that no script can read.

import { Failure, onSignedOut } from "./api/call";
import { session } from "./api/routes";
import { live } from "./live/live.svelte";

class Account {
  state = $state<"asking" | "out" | "in" | "unreachable">("asking");
  name = $state("");

  constructor() {
    onSignedOut(() => this.#leave());
    live.onLost = () => void this.#stillIn();
  }

  async ask(): Promise<void> {
    try {
      const me = await session.me();
      this.name = me.username;
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

  async #stillIn(): Promise<void> {
    if (this.state !== "in") return;
    try {
      await session.me();
    } catch (error) {
      if (error instanceof Failure && error.status === 401) this.#leave();
    }
  }

  #leave(): void {
    this.state = "out";
    live.stop();
  }
}

export const account = new Account();
