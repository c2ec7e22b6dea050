import { aiforgeAbi, formatUsdt } from "@aiforge/contracts";
import { decodeFunctionData, type Hex, keccak256, maxUint256, stringToHex, zeroHash } from "viem";
import type { Description } from "./describe.ts";

export const usdt = (micro: bigint) =>
  micro === maxUint256 ? "any amount of USDT" : `${formatUsdt(micro)} USDT`;
export const months = (count: bigint) => `${count} ${count === 1n ? "month" : "months"}`;
const percent = (bps: number | bigint) => `${Number(bps) / 100} %`;
export const planName = (plan: number) => ["Free", "Basic", "Pro", "Enterprise"][plan] ?? `number ${plan}`;
const ROLES: Record<Hex, string> = {
  [zeroHash]: "default admin",
  [keccak256(stringToHex("ADMIN"))]: "admin",
  [keccak256(stringToHex("OPERATOR"))]: "operator",
};
/** A role by its name; one that the contract does not have is shown as it is. */
const roleName = (role: Hex) => ROLES[role] ?? role;
const when = (seconds: number | bigint) =>
  new Date(Number(seconds) * 1000).toISOString().slice(0, 16).replace("T", " ");
const shares = (split: { members: readonly string[]; bps: readonly number[] }) =>
  split.members.map((member, i) => ({ label: percent(split.bps[i] ?? 0), value: member }));
const from = (source: number) => ({
  label: "Paid from",
  value: source === 0 ? "this wallet" : "your credit",
});

/** Reads the data of a call to AIForge. Throws where it is none. */
export function describeAIForge(data: Hex): Description {
  const call = decodeFunctionData({ abi: aiforgeAbi, data });
  switch (call.functionName) {
    case "subscribe": {
      const [, count, maxPrice, , , source] = call.args;
      return {
        title: `Subscribe for ${months(count)}`,
        details: [{ label: "Pays at most", value: usdt(maxPrice) }, from(source)],
      };
    }
    case "buyPlan": {
      const [plan, count, maxPrice, , source] = call.args;
      return {
        title: `Buy the ${planName(plan)} plan for ${months(count)}`,
        details: [{ label: "Pays at most", value: usdt(maxPrice) }, from(source)],
      };
    }
    case "buyLicense": {
      const [model, maxPrice, , , source] = call.args;
      return {
        title: "Buy a model's weights",
        details: [
          { label: "Model", value: model },
          { label: "Pays at most", value: usdt(maxPrice) },
          from(source),
        ],
      };
    }
    case "purchase": {
      const [bought, permit] = call.args;
      return {
        title: `Bring in a signed purchase: ${bought.kind}`,
        details: [
          { label: "Paid by", value: permit.payer },
          { label: "At most", value: usdt(bought.maxPrice) },
        ],
      };
    }
    case "publish": {
      const [, , split, terms, , maxFee] = call.args;
      return {
        title: "Publish a model",
        details: [
          { label: "Fee at most", value: usdt(maxFee) },
          { label: "Price a month", value: usdt(terms.month) },
          ...shares(split),
        ],
      };
    }
    case "extendListing":
      return { title: `Keep a model listed for ${months(call.args[1])} more`, details: [from(call.args[3])] };
    case "setSplit":
      return { title: "Change who shares a model's revenue", details: shares(call.args[1]) };
    case "declareSplit":
      return { title: "Announce a split", details: shares(call.args[0]) };
    case "setTerms":
      return {
        title: "Change a model's prices",
        details: [
          { label: "Price a month", value: usdt(call.args[1].month) },
          { label: "Price of the weights", value: usdt(call.args[1].sale) },
        ],
      };
    case "draw":
      return { title: "Move a share into credit", details: [{ label: "Of", value: call.args[1] }] };
    case "drawAndWithdraw":
      return { title: "Withdraw your share", details: [{ label: "To", value: call.args[1] }] };
    case "claimShare":
      return {
        title: "Claim from the creators' pool",
        details: [
          { label: "For split", value: call.args[0] },
          { label: "Earned in all", value: usdt(call.args[1]) },
        ],
      };
    case "claimAndDraw":
      return {
        title: "Claim from the creators' pool and withdraw your share",
        details: [{ label: "To", value: call.args[3] }],
      };
    case "withdraw":
      return { title: `Withdraw ${usdt(call.args[1])}`, details: [{ label: "To", value: call.args[0] }] };
    case "withdrawFor":
      return { title: "Withdraw somebody's credit to them", details: [{ label: "To", value: call.args[0] }] };
    case "deposit":
      return {
        title: `Put ${usdt(call.args[1])} into credit`,
        details: [{ label: "Of", value: call.args[0] }],
      };
    case "depositUsage":
      return {
        title: `Deposit ${usdt(call.args[1])} for metered use`,
        details: [{ label: "Charged a day at most", value: usdt(call.args[2]) }, from(call.args[3])],
      };
    case "leaveUsage":
      return { title: "Take the deposit for metered use out, three days from now", details: [] };
    case "withdrawUsage":
      return { title: "Turn a deposit into credit", details: [{ label: "Of", value: call.args[0] }] };
    case "openJob": {
      const [job, source] = call.args;
      return {
        title: `Fund a job with ${usdt(job.price)}`,
        details: [
          { label: "Refunded if not done by", value: `${when(job.deadline)} UTC` },
          { label: "Refunded to", value: job.client },
          from(source),
        ],
      };
    }
    case "openJobWithPermit": {
      const [job, permit] = call.args;
      return {
        title: `Fund a job with ${usdt(job.price)}, as signed`,
        details: [
          { label: "Paid by", value: permit.payer },
          { label: "Refunded if not done by", value: `${when(job.deadline)} UTC` },
        ],
      };
    }
    case "refundJob":
      return {
        title: `Refund a job: ${usdt(call.args[0].price)}`,
        details: [{ label: "To", value: call.args[0].client }],
      };
    case "approveJob":
      return {
        title: `Approve a job's result and pay ${usdt(call.args[0].price)}`,
        details: [{ label: "Made by the node", value: call.args[1].node }],
      };
    case "disputeJob":
      return {
        title: "Dispute a job's result",
        details: [{ label: "Held", value: usdt(call.args[0].price) }],
      };
    case "resolveJob":
      return {
        title: "Decide a disputed job",
        details: [
          { label: "To the node", value: percent(call.args[2]) },
          { label: "Of", value: usdt(call.args[0].price) },
        ],
      };
    case "collectFees":
      return { title: "Collect the platform's fees for the treasury", details: [] };
    case "setPlanPrice":
      return {
        title: `Set the price of the ${planName(call.args[0])} plan`,
        details: [{ label: "A month", value: usdt(call.args[1]) }],
      };
    case "vetoRoot":
      return { title: "Refuse the posted distribution", details: [] };
    case "pause":
      return { title: "Stop new payments", details: [] };
    case "unpause":
      return { title: "Let new payments in again", details: [] };
    case "setTreasury":
      return { title: "Name another treasury", details: [{ label: "Treasury", value: call.args[0] }] };
    case "grantRole":
      return {
        title: "Give a wallet a role",
        details: [
          { label: "Role", value: roleName(call.args[0]) },
          { label: "Wallet", value: call.args[1] },
        ],
      };
    case "revokeRole":
      return {
        title: "Take a role from a wallet",
        details: [
          { label: "Role", value: roleName(call.args[0]) },
          { label: "Wallet", value: call.args[1] },
        ],
      };
    default:
      return { title: `AIForge: ${call.functionName}`, details: [] };
  }
}
