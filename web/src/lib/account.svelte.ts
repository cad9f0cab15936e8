// Who is signed in. The session itself is a cookie that no script can read.

import { Failure, onSignedOut } from "./api/call";
import { session } from "./api/routes";
import type { Permission } from "./api/shapes";
import { live } from "./live/live.svelte";

class Account {
  state = $state<"asking" | "out" | "in" | "unreachable">("asking");
  name = $state("");
  #permissions = $state.raw<readonly Permission[]>([]);

  constructor() {
    onSignedOut(() => this.#leave());
    live.onLost = () => void this.#stillIn();
  }

  async ask(): Promise<void> {
    try {
      const me = await session.me();
      this.name = me.username;
      this.#permissions = me.permissions;
      this.state = "in";
      live.start();
    } catch (error) {
      if (error instanceof Failure && error.status !== 401) this.state = "unreachable";
      else this.#leave();
    }
  }

  /** Whether the server will do it for them; where not, the page does not offer it. */
  may(permission: Permission): boolean {
    return this.#permissions.includes(permission);
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
