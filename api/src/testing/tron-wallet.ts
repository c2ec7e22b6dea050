import { showTronAddress } from "@aiforge/contracts";
import { TronWeb } from "tronweb";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";

/** CAIP-2 id of the local Tron. */
export const TRON = "tron:0x74646576";

/** What a Tron wallet does, by the unmodified tronweb. */
export interface TronWallet {
  key: `0x${string}`;
  /** 0x and lower case. */
  address: `0x${string}`;
  /** As its owner knows it: T… */
  shown: string;
  /** `signMessageV2` */
  sign: (message: string) => Promise<`0x${string}`>;
  /** The older way, which a page can be given for a hash of anything. */
  signV1: (message: string) => Promise<`0x${string}`>;
}

/** A wallet with a new key, or this one. */
export function tronWallet(key: `0x${string}` = generatePrivateKey()): TronWallet {
  const address = privateKeyToAddress(key).toLowerCase() as `0x${string}`;
  const plain = key.slice(2);
  // Signing asks no node.
  const tron = new TronWeb({ fullHost: "http://127.0.0.1:9", privateKey: plain });
  return {
    key,
    address,
    shown: showTronAddress(address),
    sign: async (message) => (await tron.trx.signMessageV2(message, plain)) as `0x${string}`,
    signV1: async (message) =>
      (await tron.trx.sign(Buffer.from(message).toString("hex"), plain)) as `0x${string}`,
  };
}
