import {
  type ApiError,
  api,
  asApiError,
  type Node,
  type NodeCounts,
  type NodeQuery,
} from "#lib/api/index.ts";

const PAGE = 50;
const MOST = 200;

/**
 * The public list of nodes as far as somebody scrolled: `refresh` asks all of it again, `more` the next page. The last
 * good list stays while another search is asked for; only the newest question counts.
 */
export class NodePages {
  nodes = $state.raw<Node[] | null>(null);
  counts = $state.raw<NodeCounts | null>(null);
  /** Whether there are more. */
  more = $state(false);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  #query: () => NodeQuery;
  #next: string | null = null;
  #latest = 0;

  constructor(query: () => NodeQuery) {
    this.#query = query;
  }

  /** Asks for what is shown again, from the beginning of the list. */
  refresh = (): Promise<void> => this.#ask(async (query) => this.#read(query, this.nodes?.length ?? PAGE));

  /** Another search: from its first page. */
  search = (): Promise<void> => this.#ask((query) => this.#read(query, PAGE));

  showMore = (): Promise<void> =>
    this.#ask(async (query) => {
      const cursor = this.#next;
      if (!cursor) return;
      const page = await api.nodes.list({ ...query, cursor, limit: PAGE });
      return { ...page, nodes: once([...(this.nodes ?? []), ...page.nodes]), counts: this.counts };
    });

  /** What somebody did shows at once; the list is asked again in its time. */
  change(node: Node): void {
    this.nodes = this.nodes?.map((one) => (one.id === node.id ? { ...one, ...node } : one)) ?? null;
  }

  async #read(query: NodeQuery, wanted: number): Promise<Read> {
    const first = await api.nodes.list({ ...query, limit: Math.min(MOST, Math.max(PAGE, wanted)) });
    let { nodes, next } = first;
    while (next && nodes.length < wanted) {
      const page = await api.nodes.list({ ...query, cursor: next, limit: MOST });
      nodes = once([...nodes, ...page.nodes]);
      next = page.next;
    }
    return { nodes, next, counts: first.counts };
  }

  async #ask(read: (query: NodeQuery) => Promise<Read | undefined>): Promise<void> {
    const mine = ++this.#latest;
    this.loading = true;
    try {
      const found = await read(this.#query());
      if (mine !== this.#latest || !found) return;
      this.nodes = found.nodes;
      this.counts = found.counts;
      this.#next = found.next;
      this.more = found.next !== null;
      this.error = null;
    } catch (error) {
      if (mine === this.#latest) this.error = asApiError(error);
    } finally {
      if (mine === this.#latest) this.loading = false;
    }
  }
}

interface Read {
  nodes: Node[];
  next: string | null;
  counts: NodeCounts | null;
}

/** A node whose standing changed between two pages is on both. */
const once = (nodes: Node[]): Node[] => [...new Map(nodes.map((node) => [node.id, node])).values()];

/** Asks a list again every ten seconds while somebody looks. @returns how to end it */
export function keepFresh(list: { loading: boolean; refresh: () => Promise<void> }): () => void {
  const poll = setInterval(() => {
    if (document.visibilityState === "visible" && !list.loading) void list.refresh();
  }, 10_000);
  return () => clearInterval(poll);
}
