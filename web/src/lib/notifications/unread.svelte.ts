import { api } from "../api/index.ts";

const EVERY_MS = 30_000;

/** How many notifications the user has not read. Asked for now and then, while somebody looks at the page. */
class Unread {
  count = $state(0);
  #latest = 0;

  refresh = async (): Promise<void> => {
    const mine = ++this.#latest;
    // What cannot be asked now is asked again soon; nobody waits for it.
    const count = await api.notifications.unread().catch(() => null);
    if (count !== null && mine === this.#latest) this.count = count;
  };

  /** Begins to ask. @returns stop */
  follow(): () => void {
    const look = () => {
      if (document.visibilityState === "visible") void this.refresh();
    };
    look();
    const timer = setInterval(look, EVERY_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
      this.#latest++;
      this.count = 0;
    };
  }
}

export const unread = new Unread();
