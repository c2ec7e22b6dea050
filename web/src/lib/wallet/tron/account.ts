import {
  broadcastTron,
  buildTronCall,
  estimateTronFee,
  estimateTronFees,
  TronBroadcastError,
} from "@aiforge/contracts/tron";
import { type Address, formatUnits, type Hex, type PublicClient } from "viem";
import type { Problem } from "../errors.ts";
import { TransactError, type TransactWallet } from "../transact.ts";
import { EXPIRED } from "./confirm.ts";
import type { SignedTronTransaction, TronTransaction, TronWallet } from "./types.ts";

/** Long enough to read what one signs; what is not sent by then never will be. */
const LIFETIME_MS = 180_000;

/** TRX for people, rounded up to a hundredth. @param sun millionths of a TRX */
export function showTrx(sun: bigint): string {
  const [whole = "0", part = ""] = formatUnits((sun + 9999n) / 10_000n, 2).split(".");
  return `${whole}.${part.padEnd(2, "0")}`;
}

export interface TronAccountParameters {
  wallet: TronWallet;
  address: Address;
  chain: { chainId: number; name: string };
  publicClient: PublicClient;
  /** Told of what was sent. */
  onSent: (hash: Hex, transaction: TronTransaction) => void;
}

/** A Tron wallet as the stepper needs it: transactions are built and sent here, and only signed by the wallet. */
export function tronAccount({
  wallet,
  address,
  chain,
  publicClient,
  onSent,
}: TronAccountParameters): TransactWallet {
  const estimate = (call: { to: Address; data: Hex }) =>
    estimateTronFee({ client: publicClient, from: address, ...call });
  /** The fee limit that the person was told of, and for which call. */
  let told: { to: Address; data: Hex; feeLimitSun: bigint } | null = null;
  return {
    account: { address, type: "json-rpc" },
    chain: undefined,
    // A wallet that does not say signs what refers to a block of this chain: no other takes it.
    getChainId: async () => (await wallet.chainId()) ?? chain.chainId,
    async switchChain({ id }) {
      await wallet.switchChain(id).catch(() => {
        throw new TransactError(otherNetwork(chain.name), null);
      });
      if ((await wallet.chainId()) !== id) throw new TransactError(otherNetwork(chain.name), null);
    },
    async quoteFee(call) {
      const [fee, balance] = await Promise.all([estimate(call), publicClient.getBalance({ address })]);
      if (balance < fee.feeSun) throw new TransactError(tooLittle(balance, fee.feeSun), null);
      told = { ...call, feeLimitSun: fee.feeLimitSun };
      return { about: showTrx(fee.feeSun), atMost: showTrx(fee.mostSun), symbol: "TRX" };
    },
    async forecastFee(calls) {
      const [fees, balance] = await Promise.all([
        estimateTronFees({ client: publicClient, from: address, calls }),
        publicClient.getBalance({ address }),
      ]);
      const known = fees.filter((fee) => fee !== null);
      const about = known.reduce((sum, { feeSun }) => sum + feeSun, 0n);
      const atMost = known.reduce((sum, { mostSun }) => sum + mostSun, 0n);
      return {
        about: showTrx(about),
        atMost: showTrx(atMost),
        symbol: "TRX",
        later: fees.length - known.length,
        problem: balance < about ? tooLittle(balance, about) : null,
      };
    },
    async sendTransaction({ to, data }) {
      const fee = await estimate({ to, data });
      const most = told?.to === to && told.data === data ? told.feeLimitSun : null;
      if (most !== null && fee.feeLimitSun > most) throw new TransactError(dearer(fee.feeSun), null);
      const feeLimit = most ?? fee.feeLimitSun;
      const call = { client: publicClient, from: address, to, data, feeLimit };
      const transaction = await buildTronCall({ ...call, expirationMs: LIFETIME_MS });
      // A copy: the wallet gets it to sign, not to change.
      const signed = await wallet.signTransaction(structuredClone(transaction));
      assertSame(transaction, signed);
      const hash = await broadcastTron(publicClient, { ...transaction, signature: signed.signature }).catch(
        (error: unknown) => {
          throw error instanceof TronBroadcastError ? new TransactError(refused(error), null) : error;
        },
      );
      onSent(hash, transaction);
      return hash;
    },
  };
}

/** @throws {TransactError} the wallet signed something else, or not at all; nothing was sent */
function assertSame(asked: TronTransaction, signed: SignedTronTransaction | null | undefined): void {
  const signature = signed?.signature?.[0];
  if (signed?.txID === asked.txID && signed.raw_data_hex === asked.raw_data_hex && signature) return;
  throw new TransactError(
    {
      code: "signed_otherwise",
      message: "The wallet signed something else than it was asked for.",
      hint: "Nothing was sent. Try again, or use another wallet.",
    },
    null,
  );
}

const otherNetwork = (name: string): Problem => ({
  code: "wrong_chain",
  message: `The wallet is on another network, not on ${name}.`,
  hint: `Switch the network in the wallet to ${name} and try again. Nothing was sent.`,
});

const tooLittle = (balance: bigint, fee: bigint): Problem => ({
  code: "no_gas",
  message: `The network fee is about ${showTrx(fee)} TRX, and the wallet holds ${formatUnits(balance, 6)}.`,
  hint: "Add some TRX and try again. Nothing was sent.",
});

const dearer = (fee: bigint): Problem => ({
  code: "fee_rose",
  message: `The network fee rose in this moment: it is about ${showTrx(fee)} TRX now, more than was said.`,
  hint: "Nothing was sent. Try again to see the new fee before you sign.",
});

/** What a node's refusal means. */
function refused({ code, message }: TronBroadcastError): Problem {
  const hint = "Nothing was sent. Try again.";
  switch (code) {
    case "TRANSACTION_EXPIRATION_ERROR":
      return { ...EXPIRED, message: "The signature came too late: the transaction had expired." };
    case "SIGERROR":
      return { code, message: "The signature is not of this wallet's account.", hint };
    case "BANDWITH_ERROR":
      return { code: "no_gas", message: "The wallet has too little TRX for the network fee.", hint };
    case "TAPOS_ERROR":
      return { code, message: "The chain has moved on since this was prepared.", hint };
    case "SERVER_BUSY":
      return {
        code,
        message: "The chain's node is too busy.",
        hint: "Nothing was sent. Try again in a moment.",
      };
    default:
      return { code, message: `The chain's node refused this: ${message}.`, hint };
  }
}
