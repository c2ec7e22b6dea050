import { LOCAL_TRON_ID, showTronAddress } from "@aiforge/contracts";
import { askTron, tronMessageHash, tronTransport } from "@aiforge/contracts/tron";
import { createPublicClient, type Hex, numberToHex, sha256 } from "viem";
import { sign } from "viem/accounts";
import type { Chain } from "../../api/types.ts";
import { DemoChoice, notConnected, rejected } from "../demoAccount.ts";
import { type AskUser, type DemoPrompt, ICON } from "../demoWallet.ts";
import { type Description, describeCall } from "../describe.ts";
import { localForm } from "../names.ts";
import { ProviderError } from "../providerError.ts";
import { showTrx } from "./account.ts";
import { readCall } from "./readCall.ts";
import type { SignedTronTransaction, TronProvider, TronTransaction, WalletTronWeb } from "./types.ts";

const STORAGE_KEY = "aiforge.demo-tron-account";

export interface TronDemoParameters {
  chain: Pick<Chain, "chain" | "rpcUrl" | "aiforge" | "usdt">;
  ask: AskUser;
  /** Remembers the connected account between visits. */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
}

const otherChain = () => new ProviderError(4902, "The demo wallet works on the local Tron only.");

/**
 * A Tron wallet for newcomers on the local Tron (TIP-1193), with the accounts of the demo. It asks before each
 * signature, describes what the bytes say that it signs, and refuses every other chain.
 */
export function createTronDemoWallet({ chain, ask, storage }: TronDemoParameters): TronProvider {
  const client = createPublicClient({ transport: tronTransport(new URL(chain.rpcUrl, pageUrl()).href) });
  const choice = new DemoChoice(STORAGE_KEY, storage, showTronAddress);
  const prompt = async (question: DemoPrompt) => {
    const answer = await ask({ ...question, chain: chain.chain });
    if (!answer) throw rejected();
    return answer;
  };

  const choose = () => choice.choose((accounts, current) => prompt({ kind: "connect", accounts, current }));

  /** Who signs: only on the local chain, and only once connected. */
  async function signer() {
    const { person } = choice;
    if (!person) throw notConnected();
    if ((await client.getChainId()) !== LOCAL_TRON_ID) throw otherChain();
    return person;
  }

  async function signTransaction(transaction: TronTransaction): Promise<SignedTronTransaction> {
    const account = await signer();
    const { txID, raw_data_hex: bytes } = transaction;
    const call = readCall(bytes);
    const hash = sha256(`0x${bytes}`);
    if (hash !== `0x${txID}`)
      throw new ProviderError(-32602, "The transaction's id is not that of its bytes.");
    if (call.owner !== account.address.toLowerCase())
      throw new ProviderError(4100, "The transaction is another account's.");
    await prompt({ kind: "send", account, description: describe(call) });
    const signature = await sign({ hash, privateKey: account.privateKey, to: "hex" });
    return { ...transaction, signature: [signature.slice(2)] };
  }

  function describe({ to, data, value, feeLimit }: ReturnType<typeof readCall>): Description {
    const { title, details } = describeCall(to, data, chain);
    const sends = value > 0n ? [{ label: "Sends along", value: `${showTrx(value)} TRX` }] : [];
    const fee = { label: "Network fee at most", value: `${showTrx(feeLimit)} TRX` };
    return { title, details: [...details.map(withBase58), ...sends, fee] };
  }

  async function signMessageV2(text: string): Promise<Hex> {
    const account = await signer();
    await prompt({ kind: "sign", account, text });
    return sign({ hash: tronMessageHash(text), privateKey: account.privateKey, to: "hex" });
  }

  const trx: WalletTronWeb["trx"] = {
    sign: signTransaction,
    signMessageV2,
    getBlockByNumber: async (num) =>
      (await askTron(client)("wallet/getblockbynum", { num })) as { blockID?: string },
  };

  return {
    get tronWeb() {
      const [address] = choice.accounts();
      return address ? { defaultAddress: { base58: address }, trx } : false;
    },
    async request({ method, params }) {
      const args = Array.isArray(params) ? params : [];
      switch (method) {
        case "eth_accounts":
          return choice.accounts();
        case "eth_requestAccounts":
          return choice.person ? choice.accounts() : choose();
        case "wallet_requestPermissions":
          await choose();
          return [{ parentCapability: "eth_accounts" }];
        case "wallet_revokePermissions":
          choice.forget();
          return null;
        case "eth_chainId":
          return numberToHex(LOCAL_TRON_ID);
        case "wallet_switchEthereumChain":
          if (Number((args[0] as { chainId?: string } | undefined)?.chainId) !== LOCAL_TRON_ID)
            throw otherChain();
          return null;
        default:
          throw new ProviderError(4200, `The demo wallet does not do ${method}.`);
      }
    },
    on: choice.on,
    removeListener: choice.removeListener,
  };
}

/** Addresses as people on Tron know them. */
const withBase58 = ({ label, value }: Description["details"][number]) => ({
  label,
  value: localForm(value, "tron:"),
});

const pageUrl = () => (typeof location === "undefined" ? undefined : location.origin);

/** Announces the wallet as TIP-6963 has it, now and whenever a page asks. */
export function announceTronDemoWallet(provider: TronProvider): void {
  const info = Object.freeze({
    uuid: "c1a6b1de-5c55-4d0c-8b53-74646576a1f0",
    name: "Demo Tron wallet",
    icon: ICON,
    rdns: "network.aiforge.demo",
  });
  const detail = Object.freeze({ info, provider });
  const announce = () => window.dispatchEvent(new CustomEvent("TIP6963:announceProvider", { detail }));
  window.addEventListener("TIP6963:requestProvider", announce);
  announce();
}
