import { engineOptions, nameOption, resolveOperator } from "../config.ts";
import type { Running } from "../control.ts";
import { describe } from "../errors.ts";
import type { NodeSelf } from "../node-api.ts";
import { nodeCommand } from "./command.ts";

interface Line {
  name: string;
  ok: boolean;
  detail: string;
}

export const status = nodeCommand(
  "status",
  {
    description: "what this node is, does and has earned: its process, and as the network sees it",
    options: [nameOption, ...engineOptions],
  },
  async (raw) => {
    const config = resolveOperator(raw);
    const [
      { openWallet },
      { NodeApi },
      { payChains, creditOf },
      { askRunning },
      output,
      { weightsOnDisk },
      contracts,
    ] = await Promise.all([
      import("../identity.ts"),
      import("../node-api.ts"),
      import("../chain.ts"),
      import("../control.ts"),
      import("../output.ts"),
      import("../weights/on-disk.ts"),
      import("@aiforge/contracts"),
    ]);
    const { address } = await openWallet(config);
    const api = new NodeApi(config, address);
    const chainProblems: string[] = [];
    const credits = async () => {
      const { chains, problems } = await payChains(config, api);
      chainProblems.push(...problems);
      return Promise.all(
        chains.map(async (chain) => ({
          chain: chain.chain,
          name: chain.name,
          credit: contracts.formatUsdt(await creditOf(chain, address)),
        })),
      );
    };
    const [running, self, credit, weights] = await Promise.all([
      orReason(askRunning(config.dataDir)),
      orReason(api.self()),
      orReason(credits()),
      weightsOnDisk(config.dataDir),
    ]);
    if (config.json)
      output.printJson({
        address,
        api: config.apiUrl,
        process: value(running),
        node: value(self),
        credit: value(credit),
        weights,
        problems: [
          ...[running, self, credit].flatMap((each) => ("reason" in each ? [each.reason] : [])),
          ...chainProblems,
        ],
      });
    else {
      const lines: Line[] = [
        { name: "wallet", ok: true, detail: address },
        processLine(running),
        ...nodeLines(self, config.apiUrl, output.ago),
        {
          name: "to claim",
          ok: "value" in credit && chainProblems.length === 0,
          detail:
            "value" in credit
              ? [
                  credit.value.map(({ name, credit }) => `${credit} USDT on ${name}`).join(", ") ||
                    "no chain",
                  ...chainProblems,
                ].join("; ")
              : credit.reason,
        },
        {
          name: "weights",
          ok: true,
          detail: `${weights.files} files, ${(weights.bytes / 1024 ** 3).toFixed(1)} GiB`,
        },
      ];
      const width = Math.max(...lines.map(({ name }) => name.length));
      for (const { name, ok, detail } of lines)
        output.printLine(`${ok ? "✔" : "✖"} ${name.padEnd(width)}  ${detail}`);
    }
    const inService = "value" in running && running.value && "value" in self && !self.value.deactivated;
    if (!inService) process.exitCode = 1;
  },
);

type Known<T> = { value: T } | { reason: string };

const orReason = <T>(asked: Promise<T>): Promise<Known<T>> =>
  asked.then(
    (value) => ({ value }),
    (error) => ({ reason: describe(error) }),
  );

const value = <T>(known: Known<T>): T | null => ("value" in known ? known.value : null);

function processLine(running: Known<Running | null>): Line {
  const name = "process";
  if ("reason" in running) return { name, ok: false, detail: running.reason };
  if (running.value === null) return { name, ok: false, detail: "not running: aiforge-miner start" };
  const { pid, connected, draining, active, attempts } = running.value;
  const work = `${active} requests, ${attempts.length} jobs`;
  const how = `${connected ? "connected" : "not connected"}${draining ? ", draining" : ""}`;
  return { name, ok: connected, detail: `${how}, ${work} (pid ${pid})` };
}

function nodeLines(self: Known<NodeSelf>, apiUrl: string, ago: (time?: string | null) => string): Line[] {
  if ("reason" in self) {
    const unregistered = self.reason.includes("not registered");
    return [{ name: "registered", ok: false, detail: unregistered ? "not yet: run start" : self.reason }];
  }
  const node = self.value;
  const { completed, failed, score } = node.reputation;
  const probe = node.history[0];
  const verified = node.verifiedAt ? ", may have protected weights" : "";
  const at = node.recentJobs.filter(({ state }) =>
    ["offered", "accepted", "running", "uploading"].includes(state),
  );
  return [
    { name: "registered", ok: true, detail: `with ${apiUrl} as ${node.name} (${node.id})${verified}` },
    node.deactivated
      ? { name: "service", ok: false, detail: `an admin took it out: ${node.deactivated.reason}` }
      : {
          name: "service",
          ok: node.status === "active",
          detail: `${node.status}${node.draining ? ", draining" : ""}, heard ${ago(node.lastHeartbeatAt)}`,
        },
    {
      name: "models",
      ok: true,
      detail: `${node.offered.length} offered to customers of ${node.models.length} here`,
    },
    {
      name: "jobs",
      ok: true,
      detail: `${node.jobs ? `takes ${node.jobs.concurrency} at a time` : "takes none"}, ${node.runningJobs} now${at.length > 0 ? ` (${at.map((job) => job.name).join(", ")})` : ""}, ${completed} done, ${failed} failed, score ${score.toFixed(2)}`,
    },
    {
      name: "last probe",
      ok: probe?.ok ?? true,
      detail: probe
        ? `${probe.kind} ${probe.ok ? "passed" : `failed${probe.detail ? ` (${probe.detail})` : ""}`} ${ago(probe.at)}`
        : "none yet",
    },
    { name: "earned", ok: true, detail: `${node.earned} USDT for jobs` },
  ];
}
