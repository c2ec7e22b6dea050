import { monthStart, monthText } from "@aiforge/contracts";
import { aiforgeCall, type Call } from "../../chain/calls.ts";
import { notFound } from "../../core/errors.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { getModelRow } from "../models/service.ts";
import { requireModelOwner } from "../publishing/access.ts";
import { membersOf, publishedByModel } from "../publishing/onchain.ts";
import { claimableOf } from "../revenue/claims.ts";
import { distributionOf, type YearMonth } from "../revenue/distribution.ts";
import { confirmedTime } from "../revenue/run.ts";
import { shareOf } from "../revenue/takeouts.ts";
import { walletsOf } from "../wallets/service.ts";
import { monthNotOver, notPublished, poolNotSettled } from "./errors.ts";
import * as queries from "./queries.ts";
import type { FrozenStatement } from "./schema.ts";
import { toSplit } from "./split.ts";

interface Model {
  id: string;
  name: string;
  chain: string;
  onchainId: string;
  splitId: string;
}

interface StatementCall {
  kind: "claim" | "draw";
  splitId: string;
  member: string | null;
  amount: string;
  call: Call;
}

/**
 * A model's month as it stands, or as it was frozen; for members of its group and of its splits.
 * @throws AppError `not_found`, also for a model that was never published
 */
export async function statementOf(deps: Deps, userId: string, modelId: string, at: YearMonth) {
  const model = await publishedModel(deps, modelId);
  const row = await getModelRow(deps, modelId);
  const groups = await groupIdsOf(deps, userId);
  if (!row || !groups.includes(row.groupId)) {
    const wallets = (await walletsOf(deps, userId)).map(({ address }) => address as string);
    if (!(await queries.sharesInModel(deps.db, wallets, model))) throw notFound("The model");
  }
  return view(deps, model, at);
}

/**
 * Freezes a model's month; the first statement stays, whoever asks again and however many at once.
 * @throws AppError `not_found`, `not_an_owner`, `month_not_over`, `pool_not_settled`
 */
export async function freezeStatement(deps: Deps, userId: string, modelId: string, at: YearMonth) {
  await requireModelOwner(deps, userId, modelId);
  const model = await publishedModel(deps, modelId);
  const month = at.year * 12 + at.month - 1;
  if (!(await queries.frozenStatement(deps.db, modelId, month))) {
    const now = await confirmedTime(deps, deps.chains.get(model.chain));
    if (now === null || now < monthStart(month + 1)) throw monthNotOver(monthText(month));
    const statement = await compute(deps, model, at);
    if (statement.poolState !== "active" && statement.poolState !== "empty")
      throw poolNotSettled(monthText(month), statement.poolState);
    await queries.keepStatement(deps.db, modelId, month, statement);
  }
  return view(deps, model, at);
}

async function publishedModel(deps: Deps, modelId: string): Promise<Model> {
  const published = (await publishedByModel(deps, [modelId])).get(modelId);
  const row = await getModelRow(deps, modelId);
  if (!published || !row) throw notPublished();
  return {
    id: modelId,
    name: row.name,
    chain: published.chain,
    onchainId: published.onchainId,
    splitId: published.splitId,
  };
}

async function view(deps: Deps, model: Model, at: YearMonth) {
  const month = at.year * 12 + at.month - 1;
  const frozen = await queries.frozenStatement(deps.db, model.id, month);
  const statement = frozen?.statement ?? (await compute(deps, model, at));
  const splitIds = [...new Set(statement.members.map(({ splitId }) => splitId))];
  const [rows, members] = await Promise.all([
    queries.splitRows(deps.db, model.chain, splitIds),
    queries.memberRows(deps.db, model.chain, splitIds),
  ]);
  const drawnOf = (splitId: string, address: string) =>
    members.find((member) => member.splitId === splitId && member.member === address)?.drawn ?? 0n;
  return {
    modelId: model.id,
    name: model.name,
    chain: model.chain,
    month: monthText(month),
    frozenAt: frozen?.frozenAt.toISOString() ?? null,
    ...statement,
    members: statement.members.map((member) => ({
      ...member,
      drawn: usdt(drawnOf(member.splitId, member.address)),
    })),
    calls: await callsOf(deps, model.chain, rows, members),
  };
}

/** The month as the mirror and the pool's distribution have it now. */
async function compute(deps: Deps, model: Model, at: YearMonth): Promise<FrozenStatement> {
  const month = at.year * 12 + at.month - 1;
  const range = { from: monthStart(month), to: monthStart(month + 1) };
  const [earnings, parts, distribution] = await Promise.all([
    queries.modelEarnings(deps.db, model, range),
    queries.memberEarnings(deps.db, model, range),
    distributionOf(deps, at, model.chain),
  ]);
  const [pool] = await queries.poolOfModel(deps.db, model, month);
  const gross = (kind: string) =>
    earnings.filter((row) => row.kind === kind).reduce((sum, { amount, fee }) => sum + amount + fee, 0n);
  const fee = earnings.reduce((sum, row) => sum + row.fee, 0n);
  const creators = earnings.reduce((sum, row) => sum + row.amount, 0n);
  const fromPool = pool?.amount ?? 0n;

  const found = [...earnings.map(({ splitId }) => splitId), ...(pool ? [pool.splitId] : [])];
  const splitIds = [...new Set(found.length > 0 ? found : [model.splitId])];
  const members = await queries.memberRows(deps.db, model.chain, splitIds);
  return {
    sources: {
      service: usdt(gross("service")),
      license: usdt(gross("license")),
      usage: usdt(gross("usage")),
      pool: usdt(fromPool),
    },
    gross: usdt(creators + fee + fromPool),
    fee: usdt(fee),
    creators: usdt(creators + fromPool),
    poolState: distribution.state,
    members: members.map(({ splitId, member, bps }) => {
      const earned = parts.find((part) => part.splitId === splitId && part.address === member)?.amount ?? 0n;
      const shared = pool?.splitId === splitId ? shareOf(fromPool, bps) : 0n;
      return { splitId, address: member, bps, amount: usdt(earned + shared) };
    }),
  };
}

/** What anyone can call now so that these splits and their members get what is theirs. */
async function callsOf(
  deps: Deps,
  chainId: string,
  splits: Awaited<ReturnType<typeof queries.splitRows>>,
  members: Awaited<ReturnType<typeof queries.memberRows>>,
): Promise<StatementCall[]> {
  const chain = deps.chains.get(chainId);
  const claims = await claimableOf(
    deps,
    splits.map(({ splitId, claimed }) => ({ chain: chainId, splitId, claimed })),
  );
  return [
    ...claims.map(({ splitId, amount, cumulative, proof }) => ({
      kind: "claim" as const,
      splitId,
      member: null,
      amount: usdt(amount),
      call: aiforgeCall(chain, "claimShare", [splitId as `0x${string}`, cumulative, proof]),
    })),
    ...splits.flatMap((split) => {
      const whole = toSplit(membersOf(split));
      return members
        .filter(({ splitId }) => splitId === split.splitId)
        .flatMap(({ member, bps, drawn }) => {
          const amount = shareOf(split.earned, bps) - drawn;
          if (amount <= 0n) return [];
          const call = aiforgeCall(chain, "draw", [whole, member as `0x${string}`]);
          return [{ kind: "draw" as const, splitId: split.splitId, member, amount: usdt(amount), call }];
        });
    }),
  ];
}
