import { isAiforgeCode } from "@aiforge/contracts";
import type { Address } from "viem";
import { WebSocket } from "ws";
import { chainError, type PayChain, payChains } from "../chain.ts";
import type { Config } from "../config.ts";
import { describe, MinerError } from "../errors.ts";
import { openWallet } from "../identity.ts";
import { healthSchema, NodeApi } from "../node-api.ts";
import { isTron } from "../own-chains.ts";
import { showAddress } from "../places.ts";
import { type Check, check, fine, problem, warning } from "./finding.ts";

/** Seconds by which a clock may be off: beyond the first, times look wrong; beyond the second, signatures are refused. */
const CLOCK = { odd: 5, wrong: 60 };
/** Seconds after which the newest block of a chain is an old one. */
const OLD_BLOCK = 600;
/** Gas of the transactions that a wallet should be able to pay: a result or two, and a withdrawal. */
const SPARE_GAS = 500_000n;

const CLOCK_FIX = "Let the machine set its clock by the network: sudo timedatectl set-ntp true.";
const API_FIX = "Check --api-url, the network, and that the API runs.";

/** What has to do with the API, the chain and the wallet. Each thing is asked for once. */
export function networkChecks(config: Config) {
  const account = once(() => openWallet(config, { ...process.env }));
  const health = once(() => askHealth(config.apiUrl));
  const paid = once(() => payChains(config, new NodeApi(config, null)));
  const chains = async () => (await paid()).chains;
  const heads = once(async () =>
    Promise.all(
      (await chains()).map(async (chain) => {
        const [block, code] = await Promise.all([
          chain.reader.getBlock(),
          chain.reader.getCode({ address: chain.aiforge }),
        ]).catch((error) => {
          throw chainError(error);
        });
        const deployed = code !== undefined && code !== "0x";
        const ours = chain.trusted || isAiforgeCode(code);
        return { chain, block, deployed, ours, seen: Date.now() / 1_000 };
      }),
    ),
  );

  /** One cause is one problem: without the API, the rest is only not known. */
  const unlessAway = ({ name, look }: Check): Check => ({
    name,
    look: async () => {
      const away = await health().then(
        () => false,
        () => true,
      );
      return away ? warning("not known while the API is away", API_FIX) : look();
    },
  });
  const own = config.jobs.rpcUrl !== null || config.jobs.nodes.size > 0;
  const chainKnown = !own ? unlessAway : (known: Check) => known;

  const wallet = check("wallet key", "aiforge-miner init makes one.", async () => {
    const { address } = await account();
    return fine(
      `${address}, ${config.signerUrl ? `held by the signer at ${config.signerUrl}` : "kept here"}`,
    );
  });

  const coordinator = check("API", API_FIX, async () => {
    const { status, version, dependencies, ms } = await health();
    const detail = `${config.apiUrl} is ${status}, version ${version ?? "unknown"}, ${ms} ms away`;
    if (status === "ok") return fine(detail);
    const ill = Object.entries(dependencies).filter(([, { state }]) => state !== "ok");
    return warning(
      `${detail} (${ill.map(([name]) => name).join(", ")})`,
      "Nothing to do here: the API says so of itself.",
    );
  });

  const dialOut = check("dial-out", "Let this machine dial out to the API's port.", async () => {
    const status = await upgradeStatus(config.apiUrl);
    // Without a token the API itself says no, which only it can do once the upgrade came through.
    if (status === 401) return fine("a WebSocket gets through to the API");
    return warning(
      `a WebSocket does not get through: status ${status}`,
      "Let the proxy on the way pass WebSockets: jobs come by polling, but requests to models need one.",
    );
  });

  const registration = check("registration", "aiforge-miner start registers this node again.", async () => {
    let api: NodeApi;
    try {
      api = new NodeApi(config, (await account()).address);
    } catch {
      return fine("not known without a wallet");
    }
    try {
      const { id, name, deactivated } = await api.self();
      if (!deactivated) return fine(`${name} (${id})`);
      return problem(
        `an admin took this node out of service: ${deactivated.reason}`,
        "Ask the network's admins to put it back.",
      );
    } catch (error) {
      if (describe(error).includes("not registered")) return fine("not yet: start does it");
      return warning(describe(error), "If this stays while the API is well, start registers the node again.");
    }
  });

  const clock = check("clock", API_FIX, async () => {
    const { offset } = await health();
    const off = Math.abs(offset);
    const way = offset > 0 ? "behind" : "ahead of";
    const detail = off < 1 ? "as the API's" : `${off.toFixed(off < 10 ? 1 : 0)} s ${way} the API's`;
    if (off > CLOCK.wrong) return problem(detail, CLOCK_FIX);
    if (off > CLOCK.odd) return warning(detail, CLOCK_FIX);
    // A block cannot be of the future, unless this clock is of the past.
    const known = await heads().catch(() => []);
    const ahead = Math.max(0, ...known.map(({ block, seen }) => Number(block.timestamp) - seen));
    return ahead > CLOCK.wrong
      ? warning(`${detail}, but ${Math.round(ahead)} s behind the chain's`, CLOCK_FIX)
      : fine(detail);
  });

  const chain = check("chain", "Give a node of the chain with --rpc-url.", async () => {
    const known = await heads();
    const { problems } = await paid();
    if (problems.length > 0)
      return problem(problems.join(" "), "Give another node of the chain with --rpc-url.");
    const missing = known.filter(({ deployed }) => !deployed);
    const detail = known
      .map(({ chain, block, seen }) => {
        const age = Math.max(0, Math.round(seen - Number(block.timestamp)));
        return `${chain.name}: block ${block.number}, ${age} s old`;
      })
      .join("; ");
    if (missing[0])
      return problem(
        `${detail}; no contract at ${showAddress(missing[0].chain.chain, missing[0].chain.aiforge)}`,
        "Give a node of the right chain with --rpc-url.",
      );
    const strange = known.find(({ ours }) => !ours);
    if (strange)
      return problem(
        `${detail}; at ${showAddress(strange.chain.chain, strange.chain.aiforge)} on ${strange.chain.name} is not the contract that this version knows`,
        "Update aiforge-miner: it sends nothing there. --contracts names another one.",
      );
    if (known.length === 0) return warning("the API lists no chain", "Ask the network's admins.");
    if (known.some(({ block, seen }) => seen - Number(block.timestamp) > OLD_BLOCK))
      return warning(detail, "Give another node of the chain with --rpc-url: this one may have stopped.");
    return fine(detail);
  });

  const gas = check("gas", "Give a node of the chain with --rpc-url.", async () => {
    let address: Address;
    try {
      ({ address } = await account());
    } catch {
      return fine("not known without a wallet");
    }
    const { sign } = await account();
    const tron = (await chains()).find(({ chain }) => isTron(chain));
    const unsigned = tron && !sign ? tron : null;
    const held = await Promise.all((await chains()).map((chain) => gasOn(chain, address)));
    const details = held.map(({ show, name, balance }) => `${show(balance)} on ${name}`);
    // What it cannot spend is not asked for.
    const poor = held.find(({ chain, balance, wanted }) => balance < wanted && !(unsigned && isTron(chain)));
    const fixes: string[] = [];
    if (unsigned) {
      details.push(`an external signer cannot sign on ${unsigned.name}`);
      fixes.push("Give a node that is paid there a key file instead of --signer-url.");
    }
    if (poor)
      fixes.push(
        `Send about ${poor.show(poor.wanted)} to ${showAddress(poor.chain, address)} on ${poor.name}: claiming and submitting results cost gas.`,
      );
    const detail = details.join(", ");
    return fixes.length === 0 ? fine(detail) : warning(detail, fixes.join(" "));
  });
  return {
    wallet,
    coordinator,
    dialOut: unlessAway(dialOut),
    registration,
    clock: unlessAway(clock),
    chains: [chainKnown(chain), chainKnown(gas)],
  };
}

async function gasOn(chain: PayChain, address: Address) {
  const { name, reader, gasPrice, coin, formatCoin } = chain;
  try {
    const [balance, price] = await Promise.all([reader.getBalance({ address }), gasPrice()]);
    const show = (amount: bigint) => `${formatCoin(amount)} ${coin}`;
    return { chain: chain.chain, name, balance, wanted: price * SPARE_GAS, show };
  } catch (error) {
    throw chainError(error);
  }
}

/** The API's health, and how far its clock is ahead of this one in seconds. A header's time is of a whole second. */
async function askHealth(apiUrl: string) {
  const before = Date.now();
  let response: Response;
  try {
    response = await fetch(new URL("/api/health", apiUrl), { signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    throw new MinerError(`${apiUrl} cannot be reached: ${describe(error)}.`, { hint: API_FIX });
  }
  const ms = Date.now() - before;
  const parsed = healthSchema.safeParse(await response.json().catch(() => null));
  if (!parsed.success)
    throw new MinerError(`${apiUrl} answers, but is no AIForge API.`, { hint: "Check --api-url." });
  const told = Date.parse(response.headers.get("date") ?? "");
  const offset = Number.isNaN(told) ? 0 : (told + 500 - (before + ms / 2)) / 1_000;
  return { ...parsed.data, ms, offset };
}

/** The status that a WebSocket without a token is answered with. */
function upgradeStatus(apiUrl: string): Promise<number> {
  const url = new URL("/api/nodes/connect", apiUrl);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new Promise((done, failed) => {
    const socket = new WebSocket(url, { handshakeTimeout: 10_000 });
    socket.on("unexpected-response", (request, response) => {
      done(response.statusCode ?? 0);
      request.destroy();
    });
    socket.on("open", () => {
      done(101);
      socket.terminate();
    });
    socket.on("error", failed);
  });
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask();
    return asked;
  };
}
