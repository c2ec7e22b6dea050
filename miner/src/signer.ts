import {
  type Address,
  getAddress,
  type Hex,
  hashTypedData,
  isAddress,
  isHex,
  type LocalAccount,
  numberToHex,
  parseTransaction,
  recoverAddress,
  recoverMessageAddress,
  recoverTransactionAddress,
  serializeTransaction,
  stringToHex,
  type TransactionSerializable,
  type TransactionSerialized,
} from "viem";
import { toAccount } from "viem/accounts";
import { z } from "zod";
import { describe, MinerError } from "./errors.ts";

/** A person may have to say yes on a device. */
const ASK_MS = 120_000;

const answerSchema = z.union([
  z.object({ result: z.unknown().refine((result) => result !== undefined && result !== null) }),
  z.object({ error: z.object({ code: z.number(), message: z.string() }) }),
]);

class MethodMissing extends Error {}

/** The JSON-RPC of a signer (web3signer, clef, or a node with accounts): it holds the key, this process does not. */
class Signer {
  readonly url: string;
  #id = 0;

  constructor(url: string) {
    this.url = url;
  }

  /** Asks for the first method that the signer has: signers name the same thing differently. */
  async ask(...calls: [method: string, params: unknown[]][]): Promise<unknown> {
    for (const [method, params] of calls) {
      try {
        return await this.#call(method, params);
      } catch (error) {
        if (!(error instanceof MethodMissing)) throw error;
      }
    }
    throw new MinerError(
      `The signer at ${this.url} has none of ${calls.map(([method]) => method).join(", ")}.`,
    );
  }

  async #call(method: string, params: unknown[]): Promise<unknown> {
    const id = ++this.#id;
    let parsed: z.infer<typeof answerSchema>;
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
        signal: AbortSignal.timeout(ASK_MS),
      });
      parsed = answerSchema.parse(await response.json());
    } catch (error) {
      throw new MinerError(
        `The signer at ${this.url} does not answer as one: ${error instanceof z.ZodError || error instanceof SyntaxError ? "its answer is not JSON-RPC" : describe(error)}.`,
        { hint: "Start it, or give its address with --signer-url.", cause: error },
      );
    }
    if ("result" in parsed) return parsed.result;
    const { code, message } = parsed.error;
    if (code === -32601 || /method.*(not found|does not exist|not supported)/i.test(message))
      throw new MethodMissing();
    throw new MinerError(`The signer refuses: ${message}.`);
  }
}

/**
 * An account whose key an external signer holds. What it signs is checked: a signature of another key, or over
 * another transaction, never leaves this process.
 * @param wanted the account to use, where the signer has several
 * @throws MinerError when the signer does not answer, or has not that account
 */
export async function signerAccount(url: string, wanted: string | null): Promise<LocalAccount> {
  const signer = new Signer(url);
  const listed = z
    .array(z.string().refine((text): text is Address => isAddress(text, { strict: false })))
    .safeParse(await signer.ask(["eth_accounts", []], ["account_list", []]));
  if (!listed.success) throw new MinerError(`The signer at ${url} does not list accounts.`);
  const accounts = listed.data as Address[];
  const found = wanted ? accounts.find((each) => each.toLowerCase() === wanted.toLowerCase()) : accounts[0];
  if (found === undefined)
    throw new MinerError(wanted ? `The signer has no account ${wanted}.` : "The signer has no account.", {
      hint: accounts.length > 0 ? `It has ${accounts.slice(0, 10).join(", ")}.` : "Load a key into it.",
    });
  if (!wanted && accounts.length > 1)
    throw new MinerError("The signer has several accounts.", {
      hint: `Name one with --signer-address: ${accounts.slice(0, 10).join(", ")}.`,
    });
  const address = getAddress(found);
  const mine = (signed: Address) => {
    if (signed.toLowerCase() !== address.toLowerCase())
      throw new MinerError(`The signer signed as ${signed}, not as ${address}.`);
  };
  return toAccount({
    address,
    async signMessage({ message }) {
      const raw = typeof message === "string" ? stringToHex(message) : message.raw;
      const data = typeof raw === "string" ? raw : (`0x${Buffer.from(raw).toString("hex")}` as Hex);
      const signature = hexOf(
        await signer.ask(
          ["personal_sign", [data, address]],
          ["eth_sign", [address, data]],
          ["account_signData", ["text/plain", address, data]],
        ),
      );
      mine(await recoverMessageAddress({ message: { raw: data }, signature }));
      return signature;
    },
    async signTypedData(typed) {
      const signature = hexOf(
        await signer.ask(
          ["eth_signTypedData_v4", [address, JSON.stringify(typed, bigints)]],
          ["eth_signTypedData", [address, typed]],
          ["account_signTypedData", [address, typed]],
        ),
      );
      mine(await recoverAddress({ hash: hashTypedData(typed as never), signature }));
      return signature;
    },
    async signTransaction(transaction) {
      const asked = transaction as TransactionSerializable;
      if (asked.maxFeePerGas === undefined)
        throw new MinerError("An external signer signs transactions of type 2 (EIP-1559) only.");
      const params = [rpcTransaction(address, asked)];
      const answer = await signer.ask(["eth_signTransaction", params], ["account_signTransaction", params]);
      const raw = hexOf(
        typeof answer === "object" && answer !== null && "raw" in answer ? answer.raw : answer,
      );
      const {
        r: _r,
        s: _s,
        v: _v,
        yParity: _y,
        ...signed
      } = parseTransaction(raw) as Record<string, unknown>;
      if (serializeTransaction(signed as TransactionSerializable) !== serializeTransaction(unsigned(asked)))
        throw new MinerError("The signer signed another transaction than the one it was given.");
      mine(await recoverTransactionAddress({ serializedTransaction: raw as TransactionSerialized }));
      return raw as TransactionSerialized;
    },
  }) as LocalAccount;
}

/** Only what a signature covers. */
function unsigned(transaction: TransactionSerializable): TransactionSerializable {
  const { chainId, data, gas, maxFeePerGas, maxPriorityFeePerGas, nonce, to, value } = transaction;
  return {
    type: "eip1559",
    chainId,
    data,
    gas,
    maxFeePerGas,
    maxPriorityFeePerGas,
    nonce,
    to,
    value,
  } as never;
}

function rpcTransaction(from: Address, transaction: TransactionSerializable): Record<string, unknown> {
  const { chainId, data, gas, maxFeePerGas, maxPriorityFeePerGas, nonce, to, value } = unsigned(
    transaction,
  ) as Record<string, bigint | number | string | undefined | null>;
  const number = (given: unknown) => numberToHex(BigInt((given as bigint | number | undefined) ?? 0));
  return {
    from,
    to,
    data: data ?? "0x",
    gas: number(gas),
    maxFeePerGas: number(maxFeePerGas),
    maxPriorityFeePerGas: number(maxPriorityFeePerGas),
    nonce: number(nonce),
    value: number(value),
    chainId: number(chainId),
    type: "0x2",
  };
}

function hexOf(answer: unknown): Hex {
  if (isHex(answer) && answer.length > 2) return answer;
  throw new MinerError("The signer's answer is not a signature.");
}

const bigints = (_: string, value: unknown) => (typeof value === "bigint" ? value.toString() : value);
