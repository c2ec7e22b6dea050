import { aiforgeAbi, formatUsdt, jobIdOf, payeeOf } from "@aiforge/contracts";
import {
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  encodeFunctionData,
  type Hex,
  type LocalAccount,
  parseEventLogs,
} from "viem";
import { chainError, creditOf, type PayChain, payChains } from "./chain.ts";
import type { Config } from "./config.ts";
import { describe, MinerError } from "./errors.ts";
import { type KeptResult, Results } from "./jobs/results.ts";
import type { NodeApi, OpenResult } from "./node-api.ts";
import { checkContract, showAddress } from "./places.ts";

/** Of the contract's job states: a result lies there, nobody disputed it. */
const SUBMITTED = 2;
/** From this on the job is over. */
const PAID = 4;
/** What a plain node keeps of a price: the rest is the platform's. */
const NODE_BPS = 9_500n;
const WHOLE_BPS = 10_000n;
/** Gas of a withdrawal that cannot be estimated yet, because what it withdraws is released first. */
const WITHDRAW_GAS = 90_000n;

export interface Step {
  kind: "release" | "withdraw";
  title: string;
  data: Hex;
}

export interface ClaimPlan {
  chain: PayChain;
  /** Micro-USDT of credit now. */
  credit: bigint;
  /** Micro-USDT that is withdrawn: the credit, and what is released for it. */
  amount: bigint;
  steps: Step[];
  /** Results whose client may still dispute them. */
  waiting: { onchainId: string; releasableAt: string }[];
  /** Jobs of which another result lies on chain than those known for this wallet. */
  others: Hex[];
  gas: bigint;
  /** In the smallest unit of the chain's coin. */
  cost: bigint;
  balance: bigint;
}

/**
 * What a wallet can claim on each chain: of the contract that is named there now, and of another one to which this
 * node submitted a result, which has a plan of its own. Results that nobody disputed in time become credit, and all
 * credit goes to the wallet.
 * @param forget whether the records of jobs that are over may go
 * @returns the plans, and for what it could not be found out
 */
export async function planClaims(
  config: Config,
  api: NodeApi,
  address: Address,
  { forget }: { forget: boolean },
): Promise<{ chains: ClaimPlan[]; problems: string[] }> {
  const { chains, problems } = await payChains(config, api);
  const results = new Results(config.dataDir);
  const own = await results.all();
  // Credit can be withdrawn while the API is away, or before the node ever registered.
  const told = await api.earnings(1).then(
    (earned) => earned.open,
    (error) => {
      problems.push(
        `Results to release are known only as far as this node submitted them: ${describe(error)}`,
      );
      return [];
    },
  );
  // The node's own record first: what the API says of the same job must not hide it.
  const open: KeptResult[] = [...own, ...told].filter(isNamedByItsTerms);
  const plans: ClaimPlan[] = [];
  for (const named of chains) {
    const here = open.filter(({ chain }) => chain === named.chain);
    const byContract = Map.groupBy(here, ({ aiforge = named.aiforge }) => lower(aiforge));
    for (const aiforge of new Set([lower(named.aiforge), ...byContract.keys()])) {
      const former = aiforge !== lower(named.aiforge);
      const chain = former ? formerOf(named, aiforge) : named;
      try {
        const known = byContract.get(aiforge) ?? [];
        plans.push(
          await planOn(chain, address, known, { former, forgetIn: forget ? results : null, problems }),
        );
      } catch (error) {
        const { message, hint } = chainError(error);
        problems.push(`${chain.name}: ${message}${former && hint ? ` ${hint}` : ""}`);
      }
    }
  }
  return { chains: plans, problems };
}

const lower = (address: Address) => address.toLowerCase() as Address;

/** A contract that is not the one named now. Only its code speaks for it, as far as this version knows that. */
const formerOf = (chain: PayChain, aiforge: Address): PayChain => ({
  ...chain,
  name: `${chain.name} (${showAddress(chain.chain, aiforge)})`,
  aiforge,
  trusted: false,
});

async function planOn(
  chain: PayChain,
  address: Address,
  open: OpenResult[],
  { former, forgetIn, problems }: { former: boolean; forgetIn: Results | null; problems: string[] },
): Promise<ClaimPlan> {
  const { reader, aiforge, gasPrice } = chain;
  const strange = await checkContract(chain, reader).then(
    () => null,
    (error: unknown) => error,
  );
  // A former one may at least say that it owes nothing.
  if (strange && !former) throw strange;
  const contract = { address: aiforge, abi: aiforgeAbi } as const;
  const [credit, balance, head, price, window] = await Promise.all([
    creditOf(chain, address),
    reader.getBalance({ address }),
    reader.getBlock(),
    gasPrice(),
    reader.readContract({ ...contract, functionName: "CHALLENGE_WINDOW" }),
  ]);
  const steps: Step[] = [];
  const waiting: ClaimPlan["waiting"] = [];
  const others: Hex[] = [];
  let amount = credit;
  let gas = 0n;

  const look = async (onchainId: Hex, known: OpenResult[]): Promise<void> => {
    const state = await reader.readContract({ ...contract, functionName: "jobOf", args: [onchainId] });
    // The file is all that leads to a former contract, so it stays as long as there is credit.
    const done = state.status >= PAID && !strange && !(former && credit > 0n);
    if (done && forgetIn && chain.own && (await isOverForGood(chain, onchainId)))
      await forgetIn.forget(onchainId);
    // Others may release what is theirs.
    const mine = known.filter(({ submission }) => submission.payee.toLowerCase() === payeeOf(address));
    if (state.status !== SUBMITTED || mine.length === 0) return;
    const submitted = await onChain(chain, mine);
    if (!submitted) return void others.push(onchainId);
    const until = BigInt(state.since) + window;
    if (head.timestamp <= until)
      return void waiting.push({ onchainId, releasableAt: new Date(Number(until) * 1_000).toISOString() });
    const data = encodeFunctionData({
      abi: aiforgeAbi,
      functionName: "releaseJob",
      args: [jobOf(submitted), submitted.submission],
    });
    gas += await reader.estimateGas({ account: address, to: aiforge, data });
    amount += state.escrow - (state.escrow * (WHOLE_BPS - NODE_BPS)) / WHOLE_BPS;
    steps.push({ kind: "release", title: `Release ${submitted.name ?? onchainId.slice(0, 18)}`, data });
  };

  for (const [onchainId, known] of Map.groupBy(open, (result) => result.onchainId))
    try {
      await look(onchainId, known);
    } catch (error) {
      // One job that cannot be released holds up neither the others nor the credit.
      problems.push(`${chain.name}, job ${onchainId.slice(0, 18)}…: ${chainError(error).message}`);
    }
  if (amount > 0n) {
    const data = encodeFunctionData({ abi: aiforgeAbi, functionName: "withdrawFor", args: [address] });
    gas += credit > 0n ? await reader.estimateGas({ account: address, to: aiforge, data }) : WITHDRAW_GAS;
    steps.push({ kind: "withdraw", title: `Withdraw ${formatUsdt(amount)} USDT`, data });
  }
  if (strange && steps.length > 0) throw strange;
  return { chain, credit, amount, steps, waiting, others, gas, cost: gas * price, balance };
}

/** Whether a job is over in a block that stays. A node that knows no such block says no. */
async function isOverForGood({ reader, aiforge }: PayChain, onchainId: Hex): Promise<boolean> {
  const contract = { address: aiforge, abi: aiforgeAbi } as const;
  const asked = { functionName: "jobOf", args: [onchainId], blockTag: "finalized" } as const;
  return reader.readContract({ ...contract, ...asked }).then(
    ({ status }) => status >= PAID,
    () => false,
  );
}

const jobOf = ({ job }: OpenResult) => ({ ...job, price: BigInt(job.price) });

/** The API's word is checked: the id is a hash of the terms, and the contract knows the rest. */
function isNamedByItsTerms(result: OpenResult): boolean {
  try {
    return jobIdOf(jobOf(result)) === result.onchainId;
  } catch {
    return false;
  }
}

/**
 * The one of several that the contract holds for a job with a result; undefined when that is another. The contract
 * keeps a hash that it shows nobody, but its client could approve the right one at any time, so that is tried.
 */
async function onChain({ reader, aiforge }: PayChain, known: OpenResult[]): Promise<OpenResult | undefined> {
  for (const each of known)
    try {
      await reader.simulateContract({
        account: each.job.client,
        address: aiforge,
        abi: aiforgeAbi,
        functionName: "approveJob",
        args: [jobOf(each), each.submission],
      });
      return each;
    } catch (error) {
      const reverted =
        error instanceof BaseError && error.walk((inner) => inner instanceof ContractFunctionRevertedError);
      if (!(reverted instanceof ContractFunctionRevertedError)) throw error;
      if (reverted.data?.errorName !== "WrongSubmission") throw error;
    }
  return undefined;
}

/**
 * Sends one step and waits until it is in a block.
 * @returns what came into the wallet by it, in micro-USDT
 * @throws MinerError when it fails
 */
export async function send(
  chain: PayChain,
  account: LocalAccount,
  step: Step,
): Promise<{ hash: Hex; gasUsed: bigint; cost: bigint; withdrawn: bigint }> {
  try {
    const hash = await chain.send(account, { to: chain.aiforge, data: step.data });
    const receipt = await chain.included(hash);
    if (receipt.status !== "success") throw new MinerError(`The transaction ${hash} failed.`);
    const withdrawals = parseEventLogs({ abi: aiforgeAbi, logs: receipt.logs, eventName: "Withdrawn" });
    const withdrawn = withdrawals.reduce((sum, { args }) => sum + args.amount, 0n);
    return { hash, gasUsed: receipt.gasUsed, cost: receipt.gasUsed * receipt.effectiveGasPrice, withdrawn };
  } catch (error) {
    throw chainError(error);
  }
}
