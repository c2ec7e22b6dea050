import { aiforgeAbi, PURCHASE_KINDS, PURCHASE_TYPES } from "@aiforge/contracts";
import { decodeFunctionData, type Hex, keccak256, pad, stringToHex, zeroAddress, zeroHash } from "viem";
import { aiforgeCall, type Call } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";
import type { payments } from "./schema.ts";

type Payment = typeof payments.$inferSelect;

const known = new WeakMap<Chain, Promise<`0x${string}` | null>>();

/**
 * Permit2 as the contract of a chain knows it; null where there is none. It never changes, so it is asked once.
 * @throws AppError `chain_unavailable` (503)
 */
export function permit2Of(chain: Chain): Promise<`0x${string}` | null> {
  const asked = known.get(chain);
  if (asked) return asked;
  const answer = readChain(chain, () =>
    chain.client.readContract({ address: chain.aiforge, abi: aiforgeAbi, functionName: "permit2" }),
  ).then((address) => (address === zeroAddress ? null : address));
  known.set(chain, answer);
  answer.catch(() => known.delete(chain));
  return answer;
}

/** Whether a payment can be made by a Permit2 signature at all. */
export const takesPermit = ({ purpose, amount }: Pick<Payment, "purpose" | "amount">): boolean =>
  PURCHASE_KINDS[purpose] !== null && amount > 0n;

/** What is bought, as the signature and the contract say it. */
function purchaseOf(payment: Payment) {
  const item: Hex =
    payment.purpose === "plan"
      ? pad(`0x${Number(payment.onchainId).toString(16).padStart(2, "0")}`)
      : payment.purpose === "usage"
        ? zeroHash
        : (payment.onchainId as Hex);
  return {
    kind: PURCHASE_KINDS[payment.purpose] ?? "",
    item,
    account: payment.account as Hex,
    months: payment.dailyCap ?? BigInt(payment.months),
    maxPrice: payment.amount,
    splitId: (payment.splitId as Hex | null) ?? zeroHash,
  };
}

/** Permit2's nonces have no order; one that follows from the payment makes a second signature worthless. */
const nonceOf = ({ id }: Payment): bigint => BigInt(keccak256(stringToHex(`aiforge payment ${id}`)));

const deadlineOf = ({ expiresAt }: Payment): bigint => BigInt(Math.floor(expiresAt.getTime() / 1000));

/** What the payer signs: that the contract may take the price, for this purchase and nothing else, until the quote ends. */
export function permitTypedData(chain: Chain, permit2: `0x${string}`, payment: Payment) {
  return {
    domain: { name: "Permit2", chainId: chain.chainId, verifyingContract: permit2 },
    types: PURCHASE_TYPES,
    primaryType: "PermitWitnessTransferFrom",
    message: {
      permitted: { token: chain.usdt, amount: payment.amount },
      spender: chain.aiforge,
      nonce: nonceOf(payment),
      deadline: deadlineOf(payment),
      witness: purchaseOf(payment),
    },
  } as const;
}

/** The call that carries a signature to the contract; anyone may send it. */
export function permitCall(chain: Chain, payment: Payment, signature: Hex): Call {
  const permit = {
    payer: payment.wallet as `0x${string}`,
    nonce: nonceOf(payment),
    deadline: deadlineOf(payment),
    signature,
  };
  if (payment.purpose !== "job") return aiforgeCall(chain, "purchase", [purchaseOf(payment), permit]);
  const { functionName, args } = decodeFunctionData({ abi: aiforgeAbi, data: payment.call.data as Hex });
  if (functionName !== "openJob") throw new Error(`A job is not paid by ${functionName}`);
  return aiforgeCall(chain, "openJobWithPermit", [args[0], permit]);
}
