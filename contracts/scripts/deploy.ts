import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { formatUnits, getAddress, type PublicClient } from "viem";
import { aiforgeAbi, type Deployment, FEES } from "../src/index.ts";
import { DeployError, type DeployPlan, planDeploy } from "./deployPlan.ts";
import { receiptOf } from "./receipt.ts";
import { writeVerification } from "./verification.ts";

export { DeployError } from "./deployPlan.ts";

interface DeployOptions {
  /** Asked once all is checked and before anything is sent. */
  confirm: (plan: DeployPlan) => Promise<boolean>;
  /** Told what is found and done, line by line. */
  print: (line: string) => void;
  /** The folder that gets `<chain id>/<address>/` with what a block explorer wants to see. */
  folder: string;
}

/** What plans cost in a fresh contract, in micro-USDT, from plan 1 on. */
const PLAN_PRICES = [10_000_000n, 30_000_000n, 100_000_000n];

/**
 * Deploys AIForge to any EVM chain, reads back what stands there, and writes the verification input.
 * @param env see `planDeploy`.
 * @returns what `deployments` wants to know, once the contract is mined; null if it was not confirmed.
 * @throws {DeployError}
 */
export async function deploy(
  env: Record<string, string | undefined>,
  { confirm, print, folder }: DeployOptions,
): Promise<(Deployment & { chainId: number }) | null> {
  const plan = await planDeploy(env);
  for (const line of describe(plan)) print(line);
  if (!(await confirm(plan))) {
    print("Nothing was sent.");
    return null;
  }
  const hash = await plan.send();
  print(`Sent ${hash}`);
  const receipt = await receiptOf(plan.reader, hash, { pause: 500, patience: 600_000 });
  if (receipt.status !== "success" || !receipt.contractAddress) {
    throw new DeployError(`The deployment reverted in transaction ${hash}`);
  }
  const aiforge = getAddress(receipt.contractAddress);
  // First of all: a failing read must not lose where the contract is.
  const written = writeVerification(folder, {
    chainId: plan.chainId,
    address: aiforge,
    hash,
    args: plan.args,
  });
  print(`AIForge is at ${aiforge}; verification input in ${written}`);
  await requireAsPlanned(plan.reader, aiforge, plan.args);
  print("Roles, treasury, token, Permit2, delay and plan prices are as planned.");
  return { chainId: plan.chainId, aiforge, usdt: plan.args[0], startBlock: Number(receipt.blockNumber) };
}

function describe({ chainId, deployer, balance, gas, cost, args, notes }: DeployPlan): string[] {
  const [token, permit2, admin, operator, treasury, delay] = args;
  return [
    `chain      ${chainId}`,
    `deployer   ${deployer}, holds ${formatUnits(balance, 18)}`,
    `cost       about ${formatUnits(cost, 18)} (${gas} gas)`,
    `token      ${token}`,
    `permit2    ${permit2}`,
    `admin      ${admin}`,
    `operator   ${operator}`,
    `treasury   ${treasury}`,
    `delay      ${delay} s`,
    ...notes,
  ];
}

/** The transaction was mined; whether it made what was planned is another question. */
export async function requireAsPlanned(
  reader: PublicClient,
  address: `0x${string}`,
  args: DeployPlan["args"],
) {
  const at = { address, abi: aiforgeAbi } as const;
  const [token, permit2, admin, operator, treasury, delay] = args;
  const [adminRole, operatorRole] = await Promise.all([
    reader.readContract({ ...at, functionName: "ADMIN" }),
    reader.readContract({ ...at, functionName: "OPERATOR" }),
  ]);
  const facts: [string, unknown, unknown][] = [
    ["token", await reader.readContract({ ...at, functionName: "token" }), token],
    ["permit2", await reader.readContract({ ...at, functionName: "permit2" }), permit2],
    ["default admin", await reader.readContract({ ...at, functionName: "defaultAdmin" }), admin],
    ["admin", await reader.readContract({ ...at, functionName: "hasRole", args: [adminRole, admin] }), true],
    [
      "operator",
      await reader.readContract({ ...at, functionName: "hasRole", args: [operatorRole, operator] }),
      true,
    ],
    ["treasury", await reader.readContract({ ...at, functionName: "treasury" }), treasury],
    ["delay", await reader.readContract({ ...at, functionName: "defaultAdminDelay" }), delay],
    ["paused", await reader.readContract({ ...at, functionName: "paused" }), false],
    ["publish fee", await reader.readContract({ ...at, functionName: "PUBLISH_FEE" }), FEES.publish],
  ];
  for (const [at0, price] of PLAN_PRICES.entries()) {
    const plan = at0 + 1;
    facts.push([
      `price of plan ${plan}`,
      await reader.readContract({ ...at, functionName: "planPriceOf", args: [plan] }),
      price,
    ]);
  }
  const wrong = facts.filter(([, found, planned]) => found !== planned);
  if (wrong.length > 0) {
    const said = wrong.map(([name, found, planned]) => `${name} is ${found}, not ${planned}`).join("; ");
    throw new DeployError(`Do not use ${address}: ${said}`);
  }
}

/** Asks at a terminal; without one, and without --yes, it stays a dry run. */
export async function ask(): Promise<boolean> {
  if (process.argv.includes("--yes")) return true;
  if (!process.stdin.isTTY) {
    console.error("A dry run: say --yes to send it.");
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question("Send it? Type yes: ");
  terminal.close();
  return answer.trim() === "yes";
}

if (import.meta.main) {
  try {
    const deployment = await deploy(process.env, {
      confirm: ask,
      print: (line) => console.error(line),
      folder: fileURLToPath(new URL("../deployments/", import.meta.url)),
    });
    if (deployment) console.log(JSON.stringify(deployment, null, 2));
  } catch (error) {
    console.error(error instanceof DeployError ? error.message : error);
    process.exitCode = 1;
  }
}
