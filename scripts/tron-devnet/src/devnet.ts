import { BlockBeat } from "./beat.ts";
import { Chain, type Refused, type Reorg } from "./chain/chain.ts";
import { ChainFile, type Genesis } from "./chain/chainFile.ts";
import { ControlError, requireWhole } from "./chain/errors.ts";
import { FAUCET, FAUCET_SUN, fund } from "./faucet.ts";
import { Backend } from "./http/backend.ts";
import { type Address, parseAddress } from "./protocol/address.ts";

/** Mainnet's, Shasta's and Nile's are others: what is signed for this chain is good for no other. */
export const DEVNET_CHAIN_ID = 0x7464_6576;

const SLOT_MS = 3000;
const IDLE_AFTER_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;

export interface TronDevnetOptions {
  /** On loopback; any free one if not told. */
  port?: number;
  /** Milliseconds between blocks. 0: a block is made when {@link TronDevnet.mine} is called. 3000 if not told. */
  blockTime?: number;
  /** Milliseconds between blocks while nobody sends anything; as always if not told. The next transaction ends it. */
  idleBlockTime?: number;
  /** Milliseconds without a transaction after which that begins; 5 minutes if not told. */
  idleAfter?: number;
  /** Makes a block for each transaction that is sent. */
  mineOnBroadcast?: boolean;
  /** Milliseconds by which a block is later than its parent; 3000, or `blockTime` if that is shorter. */
  slotMs?: number;
  /** Who has TRX from the beginning: sun by address, in any of its forms. */
  accounts?: Record<string, bigint>;
  chainId?: number;
  /** Keeps the chain in this directory; without it, the chain ends with the process. */
  directory?: string;
}

/** A local Tron that runs. */
export interface TronDevnet extends AsyncDisposable {
  /** Of the first backend: what to give tronweb as its full host. */
  url: string;
  chainId: number;
  /** Nodes over the same chain, each with its own view of it. */
  backends: readonly Backend[];
  /** Adds a node. @param port on loopback; any free one if not told */
  addBackend(port?: number): Promise<Backend>;
  /** Height of the newest block. */
  head(): number;
  /** Height of the newest solid block. */
  solid(): number;
  /** Makes blocks, the first of pending transactions. Returns the transactions that turned out invalid. */
  mine(blocks?: number): Promise<Refused[]>;
  /** Lets witnesses miss their slots, then makes a block. Solid blocks lag further behind for a while. */
  missSlots(slots: number): Promise<Refused[]>;
  /** Replaces the newest blocks. Returns the transactions that are not valid on the new branch. */
  reorg(reorg: Reorg): Promise<Refused[]>;
  /** Sends TRX from the faucet. @param sun 1,000,000 are one TRX. Returns the transaction's id; a block makes it true. */
  fund(address: string, sun: bigint): Promise<string>;
  close(): Promise<void>;
}

/**
 * Starts a local Tron on loopback.
 * @throws {ControlError} for an option that is out of its limits
 * @throws {ChainFileError} for a directory that holds something else
 */
export async function startTronDevnet(options: TronDevnetOptions = {}): Promise<TronDevnet> {
  const { blockTime = SLOT_MS, mineOnBroadcast = false } = options;
  const { idleBlockTime = blockTime, idleAfter = IDLE_AFTER_MS } = options;
  requireWhole("blockTime", blockTime, 0, HOUR_MS);
  requireWhole("idleBlockTime", idleBlockTime, Math.min(blockTime, 1), HOUR_MS);
  requireWhole("idleAfter", idleAfter, 0, 24 * HOUR_MS);
  const genesis = genesisOf(options);
  const file = options.directory === undefined ? undefined : new ChainFile(options.directory, genesis);
  const chain = new Chain(file?.genesis ?? genesis, file);
  // A node leaves the height 0 out of its JSON, so that clients cannot build on the first block.
  if (chain.ledger.head === 0) await chain.mine();
  const backends = [await Backend.listen(chain, options.port)];
  const beat =
    blockTime > 0 ? new BlockBeat({ blockTime, idleBlockTime, idleAfter }, () => chain.mine()) : null;
  chain.onBroadcast = async () => {
    beat?.wake();
    if (mineOnBroadcast) await chain.mine();
  };

  const close = async () => {
    await beat?.stop();
    await Promise.all(backends.map((backend) => backend.close()));
    await chain.idle();
    file?.close();
  };
  return {
    url: (backends[0] as Backend).url,
    chainId: chain.genesis.chainId,
    backends,
    addBackend: async (port) => {
      const backend = await Backend.listen(chain, port);
      backends.push(backend);
      return backend;
    },
    head: () => chain.ledger.head,
    solid: () => chain.ledger.header(chain.ledger.head).solid,
    mine: (blocks = 1) => chain.mineBlocks(blocks),
    missSlots: (slots) => chain.mine(slots),
    reorg: (reorg) => chain.reorg(reorg),
    fund: (address, sun) => fund((backends[0] as Backend).view, addressOf(address), sun),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function genesisOf({
  accounts = {},
  chainId = DEVNET_CHAIN_ID,
  blockTime = SLOT_MS,
  slotMs,
}: TronDevnetOptions): Genesis {
  const slot = slotMs ?? (blockTime > 0 ? Math.min(blockTime, SLOT_MS) : SLOT_MS);
  requireWhole("slotMs", slot, 1, HOUR_MS);
  requireWhole("chainId", chainId, 0, 0xffff_ffff);
  const all = { [FAUCET.address]: FAUCET_SUN, ...accounts };
  return {
    chainId,
    time: Math.floor(Date.now() / slot) * slot,
    slotMs: slot,
    accounts: Object.entries(all).map(([address, sun]) => {
      if (sun < 0n) throw new ControlError(`${address} cannot have ${sun} sun`);
      return [addressOf(address), sun.toString()];
    }),
  };
}

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new ControlError(`Not a Tron address: ${text}`);
  return address;
}
