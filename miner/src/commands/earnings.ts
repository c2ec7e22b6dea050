import { Option } from "commander";
import { resolveOperator, wholeNumber } from "../config.ts";
import { nodeCommand } from "./command.ts";

export const earnings = nodeCommand<{ days: string }>(
  "earnings",
  {
    description: "what this node's wallet was paid for jobs, by day and job, and what can be claimed",
    options: [new Option("--days <n>", "how far back, today included").default("30")],
  },
  async (raw) => {
    const config = resolveOperator(raw);
    const days = wholeNumber("--days", raw.days, 1, 366);
    const [
      { openWallet },
      { NodeApi },
      { creditOf, payChains },
      { printJson, printLine, table },
      { formatUsdt },
    ] = await Promise.all([
      import("../identity.ts"),
      import("../node-api.ts"),
      import("../chain.ts"),
      import("../output.ts"),
      import("@aiforge/contracts"),
    ]);
    const { address } = await openWallet(config);
    const api = new NodeApi(config, address);
    const [earned, { chains, problems }] = await Promise.all([api.earnings(days), payChains(config, api)]);
    const credit = await Promise.all(
      chains.map(async (chain) => ({
        chain: chain.chain,
        name: chain.name,
        amount: formatUsdt(await creditOf(chain, address)),
      })),
    );
    if (config.json) return printJson({ ...earned, address, credit, problems });
    printLine(`Paid to ${address} for jobs, in USDT, the platform's part taken off.\n`);
    if (earned.days.length === 0) printLine(`Nothing in the last ${days} days.`);
    else {
      const rows = earned.days.map(({ day, jobs, paid }) => [day, String(jobs), paid]);
      printLine(table([["Day (UTC)", "Jobs", "USDT"], ...rows], [1, 2]));
      const paid = earned.payments.map(({ at, name, onchainId, amount }) => [
        at.slice(0, 16).replace("T", " "),
        name ?? onchainId.slice(0, 18),
        amount,
      ]);
      printLine(`\n${table([["Paid at (UTC)", "Job", "USDT"], ...paid], [2])}`);
    }
    printLine(`\nSince ever: ${earned.total} USDT.`);
    for (const { name, amount } of credit) printLine(`To claim on ${name}: ${amount} USDT.`);
    for (const text of problems) printLine(`✖ ${text}`);
    for (const { name, onchainId, status, since } of earned.open)
      printLine(
        `${status === "disputed" ? "Disputed" : "Waiting for its client"}: ${name ?? onchainId}, since ${since}.`,
      );
  },
);
