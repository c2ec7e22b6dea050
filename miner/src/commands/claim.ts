import { Option } from "commander";
import { resolveOperator } from "../config.ts";
import { MinerError } from "../errors.ts";
import { nodeCommand } from "./command.ts";

export const claim = nodeCommand<{ yes?: boolean; dryRun?: boolean }>(
  "claim",
  {
    description: "release results that nobody disputed in time, and withdraw the node's credit to its wallet",
    options: [
      new Option("-y, --yes", "do not ask"),
      new Option("--dry-run", "only show what would be done and what it costs"),
    ],
  },
  async (raw) => {
    const config = resolveOperator(raw);
    const [{ openWallet }, { NodeApi }, claims, output, { showAddress }, { formatUsdt }] = await Promise.all([
      import("../identity.ts"),
      import("../node-api.ts"),
      import("../claims.ts"),
      import("../output.ts"),
      import("../places.ts"),
      import("@aiforge/contracts"),
    ]);
    const account = await openWallet(config);
    const api = new NodeApi(config, account.address);
    const plans = await claims.planClaims(config, api, account.address, { forget: !raw.dryRun });
    const { problems } = plans;
    const due = plans.chains.filter(({ steps }) => steps.length > 0);
    const shown = plans.chains.map((plan) => ({
      chain: plan.chain.chain,
      name: plan.chain.name,
      releases: plan.steps.filter(({ kind }) => kind === "release").length,
      waiting: plan.waiting,
      others: plan.others,
      credit: formatUsdt(plan.credit),
      amount: formatUsdt(plan.amount),
      transactions: plan.steps.length,
      gas: plan.gas.toString(),
      cost: plan.chain.formatCoin(plan.cost),
      balance: plan.chain.formatCoin(plan.balance),
      coin: plan.chain.coin,
    }));
    if (!config.json) {
      for (const text of problems) output.printLine(`✖ ${text}`);
      for (const plan of shown) {
        output.printLine(`${plan.name}: ${plan.credit} USDT of credit, ${plan.releases} results to release.`);
        for (const { onchainId, releasableAt } of plan.waiting)
          output.printLine(`  ${onchainId.slice(0, 18)}… can be disputed until ${releasableAt}.`);
        for (const onchainId of plan.others)
          output.printLine(`  ${onchainId.slice(0, 18)}… has another result on chain than this node's.`);
        if (plan.transactions > 0)
          output.printLine(
            `  ${plan.amount} USDT go to ${showAddress(plan.chain, account.address)} in ${plan.transactions} transactions; gas about ${plan.cost} ${plan.coin} (${plan.gas}); the wallet has ${plan.balance}.`,
          );
      }
    }
    const poor = due.filter(({ balance, cost }) => balance < cost);
    if (raw.dryRun || due.length === 0) {
      if (config.json)
        output.printJson({ address: account.address, chains: shown, problems, transactions: [] });
      else if (due.length === 0) output.printLine("There is nothing to claim now.");
      if (problems.length > 0) process.exitCode = 1;
      return;
    }
    const [poorest] = poor;
    if (poorest && poor.length === due.length) {
      const { chain, name, coin, formatCoin } = poorest.chain;
      throw new MinerError(`The wallet ${showAddress(chain, account.address)} cannot pay the gas.`, {
        hint: `Send it ${formatCoin(poorest.cost)} ${coin} on ${name}, or a little more.`,
      });
    }
    if (!raw.yes && !(await agreed())) {
      output.printLine("Nothing was sent.");
      return;
    }
    const transactions: object[] = [];
    let withdrawn = 0n;
    const came = new Map<string, bigint>();
    await output.progress(
      due
        .filter((plan) => !poor.includes(plan))
        .flatMap((plan) =>
          plan.steps.map((step) => ({
            title: `${step.title} on ${plan.chain.name}`,
            task: async () => {
              const done = await claims.send(plan.chain, account, step);
              withdrawn += done.withdrawn;
              const { chain } = plan.chain;
              came.set(chain, (came.get(chain) ?? 0n) + done.withdrawn);
              transactions.push({
                chain: plan.chain.chain,
                kind: step.kind,
                txHash: done.hash,
                gasUsed: done.gasUsed.toString(),
                cost: plan.chain.formatCoin(done.cost),
                withdrawn: formatUsdt(done.withdrawn),
              });
            },
          })),
        ),
      {},
      { json: config.json },
    );
    if (config.json)
      output.printJson({
        address: account.address,
        chains: shown,
        problems,
        transactions,
        withdrawn: formatUsdt(withdrawn),
      });
    else
      for (const [chain, amount] of came)
        output.printLine(`${formatUsdt(amount)} USDT are in ${showAddress(chain, account.address)} now.`);
    if (poor.length > 0 || problems.length > 0) process.exitCode = 1;
  },
);

/** @throws MinerError where nobody can be asked */
async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new MinerError("Nothing was sent: nobody can be asked here.", { hint: "Say --yes to send it." });
  const { confirm } = await import("../prompts.ts");
  return confirm("Send it?");
}
