import { type ApiError, asApiError } from "./http.ts";

/**
 * Something that a page loads: the last good data stays visible while it is loaded again, and a failure never hides
 * it. Only the newest load counts.
 */
export class Resource<T> {
  data = $state.raw<T | null>(null);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  #load: () => Promise<T>;
  #latest = 0;

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  refresh = async (): Promise<void> => {
    const mine = ++this.#latest;
    this.loading = true;
    try {
      const data = await this.#load();
      if (mine !== this.#latest) return;
      this.data = data;
      this.error = null;
    } catch (error) {
      if (mine === this.#latest) this.error = asApiError(error);
    } finally {
      if (mine === this.#latest) this.loading = false;
    }
  };
}
