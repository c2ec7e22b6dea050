import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { deployments, isAiforgeCode, showTronAddress, tronAddress } from "@aiforge/contracts";
import { type Address, isAddress, type PublicClient } from "viem";
import { z } from "zod";
import type { ChainPlace } from "./chain-node.ts";
import { MinerError } from "./errors.ts";
import { chainIdOf, isPayable, isTron, type OwnChains } from "./own-chains.ts";
import { writeWhole } from "./write-whole.ts";

/** What the API says of a chain. */
interface Told {
  chain: string;
  name?: string | undefined;
  /** Absolute, or relative to the API. */
  rpcUrl: string;
  aiforge: string;
}

/** Where a chain's contract is, and whom to ask there. */
export interface Place extends ChainPlace {
  aiforge: Address;
  /** Whether the address is the operator's own, or came with this program: nothing that the API says. */
  trusted: boolean;
}

export interface PlacesParameters {
  own: OwnChains;
  apiUrl: string;
  dataDir: string;
  /** Asks the API. */
  listed: () => Promise<Told[]>;
}

const keptSchema = z.object({
  apiUrl: z.string(),
  chains: z.array(
    z.object({ chain: z.string(), name: z.string().optional(), rpcUrl: z.string(), aiforge: z.string() }),
  ),
});

/**
 * Finds the contract on each chain: by what the operator said, then by what came with this program, then as the API
 * says, and while that is away as it last said, which is kept in `chains.json`.
 */
export class Places {
  readonly #parameters: PlacesParameters;
  readonly #file: string;

  constructor(parameters: PlacesParameters) {
    this.#parameters = parameters;
    this.#file = join(parameters.dataDir, "chains.json");
  }

  /**
   * @param evm the chain of the operator's node that said itself of which it is
   * @param problems is told what the API says that makes no sense
   * @throws MinerError of the API when it is away, and nothing can be reached without it
   */
  async all(evm: string | null, problems: string[] = []): Promise<Place[]> {
    const { nodes, contracts } = this.#parameters.own;
    const { chains, error } = await this.#told();
    const names = new Set([...chains.map(({ chain }) => chain), ...nodes.keys(), ...(evm ? [evm] : [])]);
    const places = [...names].filter(isPayable).flatMap((chain) => {
      const told = chains.find((each) => each.chain === chain);
      const place = this.#place(chain, told, evm === chain);
      // What is behind the API is away with it.
      const away = error && place && new URL(place.url).origin === new URL(this.#parameters.apiUrl).origin;
      if (told && !place) problems.push(`What the API says of ${chain} makes no sense: it is left out.`);
      return place && !away ? [place] : [];
    });
    if (!error || places.length > 0) return places;
    const named = contracts.size > 0 || chains.length > 0;
    throw new MinerError(
      `${error.message} What the wallet has on chain needs no API, but a node of the chain.`,
      {
        hint: named
          ? "Give one: --rpc-url CHAIN=ADDRESS, such as tron:0x2b6653dc=https://api.trongrid.io."
          : "Give one, and where the contract is: --rpc-url CHAIN=ADDRESS --contracts CHAIN=ADDRESS.",
        retryable: true,
        cause: error,
      },
    );
  }

  /**
   * A chain on which a job is paid. The API is only asked for what the operator did not say.
   * @throws MinerError when it cannot be found
   */
  async one(chain: string): Promise<Place> {
    if (!isPayable(chain)) throw new MinerError(`A node's wallet cannot submit on ${chain}.`);
    const evm = !isTron(chain);
    const known = this.#place(chain, undefined, evm);
    if (known) return known;
    const { chains, error } = await this.#told();
    const place = this.#place(
      chain,
      chains.find((each) => each.chain === chain),
      evm,
    );
    if (place) return place;
    throw error ?? new MinerError(`The contract on ${chain} is not known.`);
  }

  /** Keeps what the API says now, for when it is away. */
  async remember(): Promise<void> {
    await this.#told();
  }

  #place(chain: string, told: Told | undefined, evm: boolean): Place | null {
    const { own, apiUrl } = this.#parameters;
    const mine = own.nodes.get(chain) ?? (evm ? own.rpcUrl : null);
    const url = mine ?? (told ? nodeUrl(told, apiUrl) : null);
    const chainId = chainIdOf(chain);
    const said = own.contracts.get(chain);
    const given = said
      ? contractAddress(chain, said)
      : isTron(chain)
        ? undefined
        : deployments[chainId]?.aiforge;
    if (given === null) throw new MinerError(`--contracts: ${said} is no address on ${chain}.`);
    const aiforge = given ?? (told ? contractAddress(chain, told.aiforge) : null);
    if (!url || !aiforge) return null;
    return {
      chain,
      chainId,
      name: told?.name ?? (isTron(chain) ? `Tron ${chain.slice("tron:".length)}` : `Chain ${chainId}`),
      url,
      headers: mine && isTron(chain) && own.tronKey ? { "TRON-PRO-API-KEY": own.tronKey } : {},
      aiforge,
      // What the network itself says of its contract counts for less than what this program was made with.
      trusted: given !== undefined,
      own: mine !== null && mine !== undefined,
    };
  }

  async #told(): Promise<{ chains: Told[]; error: Error | null }> {
    const { apiUrl, listed } = this.#parameters;
    try {
      const chains = await listed();
      // Not what makes no sense: it would be there as long as the API is away.
      const sound = chains.filter(
        (told) => nodeUrl(told, apiUrl) && contractAddress(told.chain, told.aiforge),
      );
      await this.#keep({ apiUrl, chains: sound });
      return { chains, error: null };
    } catch (error) {
      const kept = await this.#kept();
      return {
        chains: kept?.apiUrl === apiUrl ? kept.chains : [],
        error: error instanceof Error ? error : new Error(String(error)),
      };
    }
  }

  async #kept() {
    try {
      return keptSchema.parse(JSON.parse(await readFile(this.#file, "utf8")));
    } catch {
      return null;
    }
  }

  /** Nothing depends on it now, so a disk that is full stops nothing. */
  async #keep(told: z.infer<typeof keptSchema>): Promise<void> {
    try {
      const text = JSON.stringify(keptSchema.parse(told), null, 2);
      if (text === (await readFile(this.#file, "utf8").catch(() => null))) return;
      await mkdir(this.#parameters.dataDir, { recursive: true, mode: 0o700 });
      await writeWhole(this.#file, text);
    } catch {}
  }
}

/**
 * The API could name any contract: what it names must run the very code that this program was made with.
 * @throws MinerError when it does not; viem's errors when the chain does not answer
 */
export async function checkContract(place: Place, reader: Pick<PublicClient, "getCode">): Promise<void> {
  if (place.trusted || isAiforgeCode(await reader.getCode({ address: place.aiforge }))) return;
  const address = showAddress(place.chain, place.aiforge);
  throw new MinerError(
    `What runs at ${address} on ${place.name} is not the contract that this version knows.`,
    {
      hint: `Update aiforge-miner. If you know that it is the right one: --contracts ${place.chain}=${address}.`,
    },
  );
}

/** Null when what the API says is no address of a node. */
function nodeUrl({ rpcUrl }: Told, apiUrl: string): string | null {
  const url = URL.parse(rpcUrl, apiUrl);
  return url?.protocol === "https:" || url?.protocol === "http:" ? url.href : null;
}

/** Tron has addresses of its own; the 20 bytes are the same. Null when it is none of that chain. */
function contractAddress(chain: string, text: string): Address | null {
  if (!isTron(chain)) return isAddress(text, { strict: false }) ? text : null;
  try {
    return tronAddress(text);
  } catch {
    return null;
  }
}

/** As people write it there. */
export const showAddress = (chain: string, address: Address): string =>
  isTron(chain) ? showTronAddress(address) : address;
