import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { ChainRefusedError, type Month, type ReadProgress, tronAddress } from "@aiforge/contracts";
import { BaseError, isAddress } from "viem";
import { checkOnChain } from "./onchain.ts";
import {
  checkCid,
  checkPrevious,
  checkRoot,
  compare,
  explain,
  type Finding,
  no,
  recompute,
  yes,
} from "./recompute.ts";

const HELP = `Recomputes a month of the creators' pool from its published inputs.

  npx audit inputs.json [options]

  --root 0x…            the root that it should have
  --cid bafk…           the CID that the bytes should have
  --previous file       the inputs of the month before: what they left must be what these take up; once more for each
                        month before that, where one posted no root
  --compare file        another file of the same month: says what differs, model by model
  --rpc URL             hold it to the chain: the posted root and the one before, the plan purchases, the models' splits
  --contract 0x…        the contract there; as T… it is on Tron, and the URL one of a node with an event server, such as
                        https://api.trongrid.io (TRON_PRO_API_KEY is sent along)
  --from block          its first block (searched when left out)

Exit code 0: all is as it should be; 1: something is not; 2: the command was not understood,
or the chain did not answer.`;

/** The command was not understood. */
class UsageError extends Error {}

type Print = (line: string) => void;
type OnProgress = (progress: ReadProgress) => void;

/**
 * Runs the audit.
 * @param print takes each line
 * @param onProgress is told how far the reading of the chain is
 * @returns the exit code
 */
export async function runAudit(args: string[], print: Print, onProgress?: OnProgress): Promise<number> {
  try {
    return await audit(args, print, onProgress);
  } catch (error) {
    if (error instanceof ChainRefusedError) {
      print(error.message);
      return 2;
    }
    if (error instanceof BaseError) {
      print(`The chain does not answer: ${error.shortMessage}`);
      return 2;
    }
    if (!(error instanceof UsageError || (error instanceof TypeError && "code" in error))) throw error;
    print(`${error.message}\n\n${HELP}`);
    return 2;
  }
}

async function audit(args: string[], print: Print, onProgress?: OnProgress): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      root: { type: "string" },
      cid: { type: "string" },
      previous: { type: "string", multiple: true, default: [] },
      compare: { type: "string" },
      rpc: { type: "string" },
      contract: { type: "string" },
      from: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const { root, cid, previous, compare: other, rpc, contract, from } = values;
  const [path, ...more] = positionals;
  if (!path || more.length > 0) throw new UsageError("Name one file of inputs.");
  if (root !== undefined && !/^0x[0-9a-fA-F]{64}$/.test(root))
    throw new UsageError("--root is 0x and 64 digits.");
  if ((rpc === undefined) !== (contract === undefined))
    throw new UsageError("--rpc and --contract go together.");
  const onTron = contract?.startsWith("T") ?? false;
  if (contract !== undefined && !(onTron ? isTron(contract) : isAddress(contract, { strict: false })))
    throw new UsageError("--contract is 0x and 40 digits, or an address of Tron's.");
  if (from !== undefined && !/^\d{1,15}$/.test(from)) throw new UsageError("--from is a block's number.");

  const bytes = await read(path);
  const findings: Finding[] = cid === undefined ? [] : [checkCid(bytes, cid)];
  const month = recompute(bytes);
  if ("ok" in month) return report([...findings, month], print);
  for (const line of explain(month)) print(line);
  print("");
  findings.push(yes("The file is in the one form that inputs may have, and its sums are its own."));
  if (root !== undefined) findings.push(checkRoot(month, root));
  const earlier: Month[] = [];
  let after = month;
  for (const file of previous) {
    const before = recompute(await read(file));
    if ("ok" in before) {
      findings.push(no(`${file}: ${before.text}`));
      break;
    }
    findings.push(...checkPrevious(after, before));
    earlier.push(before);
    after = before;
  }
  if (other !== undefined) {
    const theirs = recompute(await read(other));
    findings.push(...("ok" in theirs ? [no(`${other}: ${theirs.text}`)] : compare(month, theirs)));
  }
  if (rpc !== undefined) {
    const address = onTron ? tronAddress(contract!) : (contract as `0x${string}`);
    const source = { rpc, contract: address, onTron, onProgress };
    const first = from === undefined ? undefined : BigInt(from);
    findings.push(...(await checkOnChain(bytes, earlier, { ...source, from: first })));
  }
  return report(findings, print);
}

function isTron(address: string): boolean {
  try {
    return tronAddress(address) !== undefined;
  } catch {
    return false;
  }
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

function report(findings: Finding[], print: (line: string) => void): number {
  for (const { ok, text } of findings) print(`${ok ? "✔" : "✖"} ${text}`);
  const wrong = findings.filter(({ ok }) => !ok).length;
  print(wrong === 0 ? "\nAll is as it should be." : `\n${wrong} of ${findings.length} checks failed.`);
  return wrong === 0 ? 0 : 1;
}
