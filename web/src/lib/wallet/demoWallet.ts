import { LOCAL_CHAIN_ID } from "@aiforge/contracts";
import {
  type Address,
  createPublicClient,
  createWalletClient,
  type Hex,
  hexToString,
  http,
  isHex,
  numberToHex,
  type PublicClient,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { DemoChoice, notConnected, rejected } from "./demoAccount.ts";
import { readBatch, SentBatches } from "./demoBatch.ts";
import {
  type Description,
  describeCall,
  describeTypedData,
  type KnownContracts,
  type TypedData,
} from "./describe.ts";
import { ProviderError } from "./providerError.ts";

/** What the demo wallet asks its user. Each is answered in its own dialog; nothing is ever approved silently. */
export type DemoPrompt = {
  /** CAIP-2 id of the chain that it is about; left out: the local EVM chain. */
  chain?: string;
} & (
  | { kind: "connect"; accounts: readonly DemoIdentity[]; current: Address | null }
  | { kind: "sign"; account: DemoIdentity; text: string }
  | { kind: "permit"; account: DemoIdentity; description: Description }
  | { kind: "send"; account: DemoIdentity; description: Description }
  | { kind: "batch"; account: DemoIdentity; descriptions: Description[] }
);

export interface DemoIdentity {
  name: string;
  address: Address;
}

/** Shows the prompt. Answers the chosen account for `connect`, the account itself for the others, null for "no". */
export type AskUser = (prompt: DemoPrompt) => Promise<Address | null>;

export interface DemoWalletParameters {
  /** The local chain's JSON-RPC endpoint. */
  rpcUrl: string;
  contracts: KnownContracts;
  ask: AskUser;
  /** Remembers the connected account between visits. */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
}

export interface Eip1193Provider {
  request(args: { method: string; params?: unknown }): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): void;
  removeListener(event: string, listener: (...args: unknown[]) => void): void;
}

const STORAGE_KEY = "aiforge.demo-account";
const otherChain = () =>
  new ProviderError(4902, `The demo wallet works on the local chain ${LOCAL_CHAIN_ID} only.`);

/**
 * A wallet for newcomers on the local chain (EIP-1193), holding the keys that every development chain shares. It asks
 * before each signature, and it refuses every other chain: the one that a request names, and the one that its node
 * turns out to be.
 */
export function createDemoWallet({ rpcUrl, contracts, ask, storage }: DemoWalletParameters): Eip1193Provider {
  const transport = http(rpcUrl);
  const node = createPublicClient({ chain: foundry, transport, pollingInterval: 1000 });
  const batches = new SentBatches(LOCAL_CHAIN_ID);
  const choice = new DemoChoice(STORAGE_KEY, storage);
  const choose = () => choice.choose((accounts, current) => ask({ kind: "connect", accounts, current }));
  const identity = (address: string) => {
    const { person } = choice;
    if (!person || person.address.toLowerCase() !== address.toLowerCase()) throw notConnected();
    return person;
  };

  async function assertLocalNode(): Promise<void> {
    if ((await node.getChainId()) !== LOCAL_CHAIN_ID) throw otherChain();
  }

  async function sign(message: unknown, address: unknown): Promise<Hex> {
    const account = identity(String(address));
    await assertLocalNode();
    const raw = isHex(message) ? message : null;
    const text = raw ? hexToString(raw) : String(message);
    if (!(await ask({ kind: "sign", account, text }))) throw rejected();
    return privateKeyToAccount(account.privateKey).signMessage({ message: raw ? { raw } : text });
  }

  async function signTypedData(address: unknown, data: unknown): Promise<Hex> {
    const account = identity(String(address));
    await assertLocalNode();
    const typed = (typeof data === "string" ? JSON.parse(data) : data) as TypedData;
    if (Number(typed.domain?.chainId) !== LOCAL_CHAIN_ID) throw otherChain();
    if (!(await ask({ kind: "permit", account, description: describeTypedData(typed, contracts) })))
      throw rejected();
    return privateKeyToAccount(account.privateKey).signTypedData(typed as never);
  }

  const walletOf = (account: { privateKey: Hex }) =>
    createWalletClient({ account: privateKeyToAccount(account.privateKey), chain: foundry, transport });

  async function sendCalls(parameter: unknown): Promise<{ id: Hex }> {
    const { from, calls } = readBatch(parameter, LOCAL_CHAIN_ID);
    const account = identity(from);
    await assertLocalNode();
    const descriptions = calls.map(({ to, data }) => describeCall(to, data, contracts));
    if (!(await ask({ kind: "batch", account, descriptions }))) throw rejected();
    const wallet = walletOf(account);
    const hashes: Hex[] = [];
    for (const call of calls) {
      // Each call builds on the one before, so its gas can be estimated only once that is mined.
      const hash = await wallet.sendTransaction(call);
      hashes.push(hash);
      const { status } = await node.waitForTransactionReceipt({ hash });
      if (status !== "success") break;
    }
    return batches.add(hashes);
  }

  async function send(transaction: unknown): Promise<Hex> {
    const { from, to, data = "0x", value, chainId } = transaction as Record<string, string | undefined>;
    const account = identity(String(from));
    if (chainId !== undefined && Number(chainId) !== LOCAL_CHAIN_ID) throw otherChain();
    if (!to || !isHex(to) || !isHex(data))
      throw new ProviderError(-32602, "Not a transaction to a contract or account.");
    await assertLocalNode();
    if (!(await ask({ kind: "send", account, description: describeCall(to, data, contracts) })))
      throw rejected();
    return walletOf(account).sendTransaction({ to, data, value: value ? BigInt(value) : 0n });
  }

  async function request({ method, params }: { method: string; params?: unknown }): Promise<unknown> {
    const args = Array.isArray(params) ? params : [];
    switch (method) {
      case "eth_accounts":
        return choice.accounts();
      case "eth_requestAccounts":
        return choice.person ? choice.accounts() : choose();
      case "wallet_requestPermissions":
        return [
          {
            parentCapability: "eth_accounts",
            caveats: [{ type: "restrictReturnedAccounts", value: await choose() }],
          },
        ];
      case "wallet_revokePermissions":
        choice.forget();
        return null;
      case "eth_chainId":
        return numberToHex(LOCAL_CHAIN_ID);
      case "net_version":
        return String(LOCAL_CHAIN_ID);
      case "wallet_switchEthereumChain":
      case "wallet_addEthereumChain":
        if (Number((args[0] as { chainId?: string } | undefined)?.chainId) !== LOCAL_CHAIN_ID)
          throw otherChain();
        return null;
      case "personal_sign":
        return sign(args[0], args[1]);
      case "eth_signTypedData_v4":
        return signTypedData(args[0], args[1]);
      case "eth_sendTransaction":
        return send(args[0]);
      case "wallet_getCapabilities":
        return { [numberToHex(LOCAL_CHAIN_ID)]: { atomic: { status: "unsupported" } } };
      case "wallet_sendCalls":
        return sendCalls(args[0]);
      case "wallet_getCallsStatus":
        return batches.status(args[0], node as PublicClient);
      default:
        // Reads go to the node; its own list of methods keeps everything else out.
        if (/^(eth_sign|eth_sendRaw|wallet_|personal_)/.test(method)) {
          throw new ProviderError(4200, `The demo wallet does not do ${method}.`);
        }
        return node.request({ method, params: args } as never);
    }
  }

  return { request, on: choice.on, removeListener: choice.removeListener };
}

export const ICON = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#1b2029"/><path fill="#e8ebf0" d="M7 25 13.9 8h4.2L25 25h-4.4L16 12.6 11.4 25Z"/><path fill="#ff7a3d" d="M13.4 25l1.2-4.8h2.8l1.2 4.8Z"/></svg>')}`;

/**
 * Announces the wallet as EIP-6963 has it, now and whenever a page asks.
 * @returns how to take it back.
 */
export function announceDemoWallet(provider: Eip1193Provider): () => void {
  const info = {
    uuid: "6f6d6c2e-8f0c-4d0e-9b1c-31337a1f0e6e",
    name: "Demo wallet",
    icon: ICON,
    rdns: "network.aiforge.demo",
  };
  const detail = Object.freeze({ info: Object.freeze(info), provider });
  const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
  window.addEventListener("eip6963:requestProvider", announce);
  announce();
  return () => window.removeEventListener("eip6963:requestProvider", announce);
}
