import {
  askTron,
  broadcastTron,
  buildTronCall,
  estimateTronFee,
  type SignedTronTransaction,
  type TronJson,
  tronHead,
  tronInfo,
  tronLost,
  tronResult,
} from "@aiforge/contracts/tron";
import { formatUnits, type Hex } from "viem";
import type { Chain } from "../chains.ts";
import type { Look, Sender } from "./sender.ts";

type Node = Pick<Chain, "client">;

/** How long a transaction can be taken: the nonce is the second at which it no longer can. */
const LIFETIME_SECONDS = 60;
const SUN_DECIMALS = 6;

const formatFee = (sun: bigint) => `${formatUnits(sun, SUN_DECIMALS)} TRX`;

/**
 * Sends on Tron. A transaction that was not taken is not replaced: it expires, and is signed anew when no solid block can
 * have it any more. What is settled is solid, and stays.
 */
export function tronSender({ client }: Node): Sender {
  const ask = askTron(client);
  return {
    replaceable: false,
    nextNonce: async () => Math.floor((await tronHead(ask)).time / 1000) + LIFETIME_SECONDS,
    emptyFrom: async () => null,
    sign: async (account, { to, data }, nonce) => {
      const call = { client, from: account.address, to, data: data as Hex };
      const [fee, balance] = await Promise.all([
        estimateTronFee(call),
        client.getBalance({ address: account.address }),
      ]);
      // It would run out of energy, and cost all there is.
      if (balance < fee.feeSun) {
        throw new Error(`It costs ${formatFee(fee.feeSun)}, and the wallet has ${formatFee(balance)}.`);
      }
      const built = await buildTronCall({ ...call, feeLimit: fee.feeLimitSun, expiresAt: nonce * 1000 });
      const signature = await account.sign({ hash: `0x${built.txID}` });
      const signed: SignedTronTransaction = { ...built, signature: [signature.slice(2)] };
      return { rawTx: JSON.stringify(signed), txHash: `0x${built.txID}`, nonce };
    },
    send: async (rawTx) => {
      await broadcastTron(client, JSON.parse(rawTx) as SignedTronTransaction);
    },
    knows: async (txHash) => {
      if (await tronInfo(ask, txHash)) return true;
      const waiting = await ask("wallet/gettransactionfrompending", { value: txHash.slice(2) });
      return Object.keys(waiting as TronJson).length > 0;
    },
    look: () => tronLook(client),
    formatFee,
  };
}

function tronLook(client: Chain["client"]): Look {
  const ask = askTron(client);
  return {
    at: async (_nonce, signed) => {
      for (const { txHash, rawTx } of signed) {
        const info = await tronInfo(ask, txHash);
        if (!info) {
          if (await tronLost(client, JSON.parse(rawTx) as SignedTronTransaction)) continue;
          return { is: "open" };
        }
        // Only what the solidity node has in the same block is there to stay.
        const solid = await tronInfo(ask, txHash, true);
        const settled = solid !== null && solid.blockNumber === info.blockNumber;
        const status = tronResult(info) === "SUCCESS" ? "success" : "reverted";
        // On another branch it may go through yet.
        if (status === "reverted" && !settled) return { is: "open" };
        return {
          ...{ is: "mined", status, settled },
          txHash: txHash as Hex,
          blockNumber: BigInt(Number(info.blockNumber)),
          receipt: () => client.getTransactionReceipt({ hash: txHash as Hex }),
        };
      }
      return { is: "lost" };
    },
  };
}
