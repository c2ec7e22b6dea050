import { ASSIGNMENT_TYPES, jobDomain, payeeOf } from "@aiforge/contracts";
import type { Address, Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { Chain } from "../../../chain/chains.ts";
import type { StoredAssignment } from "../schema.ts";

/** Seconds after the set-up and the time limit for which an assignment is still good. */
const SPARE_SECONDS = 15 * 60;

export interface Signed {
  assignment: StoredAssignment;
  signature: Hex;
}

/** Until when an assignment is good, in Unix seconds: at most until the job's deadline. */
export function expiryOf(parameters: {
  /** Unix seconds, by the database's clock. */
  now: number;
  setupSeconds: number;
  timeLimitSeconds: number;
  deadline: number;
}): number {
  const { now, setupSeconds, timeLimitSeconds, deadline } = parameters;
  return Math.min(now + setupSeconds + timeLimitSeconds + SPARE_SECONDS, deadline);
}

/** Whether the operator of a chain can assign jobs here. */
export const canSign = (chain: Chain): boolean => chain.operatorKey !== null;

/**
 * The operator's word (EIP-712) that a node does a job: with it the node can submit the result on chain without us.
 * @param node the node's wallet, which is also who is paid
 */
export async function signAssignment(
  chain: Chain,
  { jobId, node, expiry }: { jobId: Hex; node: Address; expiry: number },
): Promise<Signed> {
  if (!chain.operatorKey) throw new Error(`There is no operator's key for ${chain.chain}`);
  const payee = payeeOf(node);
  const signature = await operatorOf(chain.operatorKey).signTypedData({
    domain: jobDomain(chain.chainId, chain.aiforge),
    types: ASSIGNMENT_TYPES,
    primaryType: "Assignment",
    message: { jobId, node, payee, expiry },
  });
  return { assignment: { chain: chain.chain, jobId, node, payee, expiry }, signature };
}

const operators = new Map<Hex, ReturnType<typeof privateKeyToAccount>>();

function operatorOf(key: Hex) {
  const known = operators.get(key) ?? privateKeyToAccount(key);
  operators.set(key, known);
  return known;
}
