#!/usr/bin/env node
import { parseArgs } from "node:util";
import { ChainFileError } from "./chain/chainFile.ts";
import { startTronDevnet } from "./devnet.ts";
import { FAUCET } from "./faucet.ts";
import { parseAddress } from "./protocol/address.ts";

const USAGE = `tron-devnet: a local Tron for development and tests

  --port N           on loopback (9090)
  --dir PATH         keep the chain there; without it, it ends with the process
  --block-time MS    milliseconds between blocks (3000); 0: only when asked for
  --idle-block-time MS  the same while nobody sends anything for 5 minutes; the next transaction ends it
  --slot MS          milliseconds by which a block is later than its parent (3000, or the block time if that is
                     shorter); for a new chain only
  --mine-on-send     make a block for each transaction
  --fund ADDRESS=TRX TRX from the beginning; may be repeated; for a new chain only
  --chain-id N       for a new chain only
`;

const SUN = 1_000_000n;

class UsageError extends Error {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "9090" },
      dir: { type: "string" },
      "block-time": { type: "string", default: "3000" },
      "idle-block-time": { type: "string" },
      slot: { type: "string" },
      "mine-on-send": { type: "boolean", default: false },
      fund: { type: "string", multiple: true, default: [] },
      "chain-id": { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  return {
    port: whole("port", values.port, 65_535),
    blockTime: whole("block-time", values["block-time"], 3_600_000),
    ...(values["idle-block-time"] !== undefined && {
      idleBlockTime: positive("idle-block-time", values["idle-block-time"]),
    }),
    ...(values.slot !== undefined && { slotMs: positive("slot", values.slot) }),
    mineOnBroadcast: values["mine-on-send"],
    ...(values.dir !== undefined && { directory: values.dir }),
    ...(values["chain-id"] !== undefined && { chainId: whole("chain-id", values["chain-id"], 0xffff_ffff) }),
    accounts: Object.fromEntries(values.fund.map(readFund)),
  };
}

function whole(name: string, text: string, max: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= max)) throw new UsageError(`--${name} is a whole number up to ${max}, not ${text}`);
  return number;
}

function positive(name: string, text: string): number {
  const number = whole(name, text, 3_600_000);
  if (number === 0) throw new UsageError(`--${name} is 1 or more`);
  return number;
}

function readFund(text: string): [address: string, sun: bigint] {
  const [address = "", trx = ""] = text.split("=");
  if (!parseAddress(address)) throw new UsageError(`--fund: not a Tron address: ${address}`);
  if (!/^\d{1,10}$/.test(trx)) throw new UsageError(`--fund: not a whole number of TRX: ${trx}`);
  return [address, BigInt(trx) * SUN];
}

try {
  const options = readOptions();
  if (!options) console.log(USAGE);
  else {
    const devnet = await startTronDevnet(options);
    console.log(`tron-devnet at ${devnet.url}, chain id ${devnet.chainId}, block ${devnet.head()}`);
    console.log(`faucet ${FAUCET.address}, private key ${FAUCET.privateKey}`);
    const stop = () => void devnet.close().then(() => process.exit(0));
    process.once("SIGINT", stop).once("SIGTERM", stop);
  }
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const expected =
    error instanceof UsageError ||
    error instanceof ChainFileError ||
    code === "EADDRINUSE" ||
    code?.startsWith("ERR_PARSE_ARGS");
  console.error(expected ? message : error);
  process.exit(1);
}
