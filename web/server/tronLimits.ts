import { isIPv6 } from "node:net";
import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";

/** What may be asked of a Tron chain's nodes through this server. Each question costs its operator some quota. */
export interface TronLimits {
  /** Seconds that are counted together. */
  window: number;
  /** Questions in that time, of one client and of all together. */
  readsPerClient: number;
  reads: number;
  /** Signed transactions in that time, counted apart: a flood of questions must keep nobody from paying. */
  sendsPerClient: number;
  sends: number;
  /** The same in a day (UTC), which is what a node's key is counted by. */
  readsPerDay: number;
  sendsPerDay: number;
  /** Questions, and transactions apart from them, that wait for the nodes at one time. */
  atOnce: number;
  atOncePerClient: number;
  /** The longest question, the longest transaction and the longest answer, in bytes. */
  readBytes: number;
  sendBytes: number;
  answerBytes: number;
  /** Milliseconds that a client may take to ask, then a node to answer, and then the client to read. */
  timeoutMs: number;
}

/**
 * A public node gives one key 15 questions a second and 100,000 a day, of which the mirror alone takes 60,000: two for
 * each block. A payment from a wallet takes some 75.
 */
export const TRON_LIMITS: TronLimits = {
  window: 10,
  readsPerClient: 80,
  reads: 100,
  sendsPerClient: 10,
  sends: 50,
  readsPerDay: 20_000,
  sendsPerDay: 2_000,
  atOnce: 32,
  atOncePerClient: 12,
  readBytes: 128 * 1024,
  sendBytes: 512 * 1024,
  answerBytes: 8 * 1024 * 1024,
  timeoutMs: 30_000,
};

/** Of what a client may ask, the part that is held free for everybody: a page that pays asks less. */
const LIGHT = 0.3;

/** Of a day's, the part that one client gets. */
const CLIENTS_DAY = 0.1;
/** Of a day's, the part that may be asked at once; the rest comes over the day, so that nobody uses it up for long. */
const AT_ONCE = 1 / 3;
const DAY_MS = 86_400_000;

/**
 * Counts a day's questions, of each client and of all. Who gets none leaves nothing behind here, so no more clients
 * are remembered than a day has questions.
 * @returns null when one more is free for a client, or the seconds until it is; Infinity when its own day is over
 */
export function createDayBook(all: number, now = Date.now) {
  const perClient = Math.ceil(all * CLIENTS_DAY);
  const asked = new Map<string, number>();
  const light = createStore(all / 2, now);
  const heavy = createStore(all / 2, now);
  let day = 0;
  return (client: string): number | null => {
    const today = Math.floor(now() / DAY_MS);
    if (today !== day) {
      day = today;
      asked.clear();
    }
    const count = (asked.get(client) ?? 0) + 1;
    if (count > perClient) return Number.POSITIVE_INFINITY;
    const wait = count <= perClient * LIGHT && light() === null ? null : heavy();
    if (wait === null) asked.set(client, count);
    return wait;
  };
}

/** Holds a part of a day's questions and is filled up with the rest of them over the day: no 24 hours give more. */
function createStore(perDay: number, now: () => number): () => number | null {
  const most = Math.max(1, perDay * AT_ONCE);
  const perMs = (perDay * (1 - AT_ONCE)) / DAY_MS;
  let left = most;
  let filled = now();
  return () => {
    const time = now();
    if (time > filled) left = Math.min(most, left + (time - filled) * perMs);
    filled = time;
    if (left < 1) return Math.ceil((1 - left) / perMs / 1_000);
    left -= 1;
    return null;
  };
}

/** Leave to ask: to be given back once the answer is there. Or the seconds to wait. */
export type Leave = { wait: null; done: () => void } | { wait: number };

/**
 * Counts in memory: a page server of several counts for itself. Half of all questions is kept for clients that asked
 * little, so that some who ask much do not take the rest's.
 */
export function createTronLimiter(limits: TronLimits) {
  const limiter = (points: number) =>
    new RateLimiterMemory({ points: Math.max(1, Math.floor(points)), duration: limits.window });
  const clients = { read: limiter(limits.readsPerClient), send: limiter(limits.sendsPerClient) };
  const pools = {
    light: limiter(limits.reads / 2),
    heavy: limiter(limits.reads / 2),
    send: limiter(limits.sends),
  };
  const days = { read: createDayBook(limits.readsPerDay), send: createDayBook(limits.sendsPerDay) };
  const waiting = { read: new Map<string, number>(), send: new Map<string, number>() };

  /** Seconds to wait; Infinity when the day is over for it, null when it may go on. */
  async function count(client: string, kind: "read" | "send"): Promise<number | null> {
    try {
      const { consumedPoints } = await clients[kind].consume(client);
      if (kind === "send") await pools.send.consume("all");
      else if (consumedPoints > limits.readsPerClient * LIGHT) await pools.heavy.consume("all");
      else await pools.light.consume("all").catch(() => pools.heavy.consume("all"));
      return days[kind](client);
    } catch (refusal) {
      if (refusal instanceof Error) throw refusal;
      return Math.max(1, Math.ceil((refusal as RateLimiterRes).msBeforeNext / 1_000));
    }
  }

  return {
    count: (address: string, kind: "read" | "send") => count(networkOf(address), kind),
    /** Takes one of the places in front of the nodes. */
    enter(address: string, kind: "read" | "send"): Leave {
      const client = networkOf(address);
      const places = waiting[kind];
      const own = places.get(client) ?? 0;
      const all = places.values().reduce((sum, each) => sum + each, 0);
      if (own >= limits.atOncePerClient || all >= limits.atOnce) return { wait: 1 };
      places.set(client, own + 1);
      return {
        wait: null,
        done: () => {
          const left = (places.get(client) ?? 1) - 1;
          if (left > 0) places.set(client, left);
          else places.delete(client);
        },
      };
    },
  };
}

export type TronLimiter = ReturnType<typeof createTronLimiter>;

/** A home has a whole network of IPv6 addresses; the first half of one says which. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  if (!isIPv6(address)) return address;
  const [before = "", after] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = (part: string) => part.split(":").filter(Boolean);
  const tail = after === undefined ? [] : groups(after);
  const head = groups(before);
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const all = [...head, ...Array<string>(zeros).fill("0"), ...tail];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
