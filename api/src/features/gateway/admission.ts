import { randomUUID } from "node:crypto";
import type { Deps } from "../../deps.ts";
import type { EntitlementKind } from "../keys/schema.ts";
import type { InferenceRequest } from "../nodes/protocol.ts";
import {
  type Exhausted,
  requestsExhausted,
  tokensExhausted,
  tokensReserved,
} from "../subscriptions/errors.ts";
import { PLANS, type Plan } from "../subscriptions/plans.ts";
import { type Reservation, reclaim, reserve, resets, usedOf } from "../subscriptions/quota.ts";
import type { PlanRight } from "../subscriptions/rights.ts";
import type { Access } from "./access.ts";
import type { ServedModel } from "./queries.ts";

/** A call that may be made: what to ask of a node, who is entitled by what, and what is held for it. */
export interface Admission {
  model: ServedModel;
  request: InferenceRequest;
  entitlement: EntitlementKind;
  /** The plan's number; null where no plan is used. */
  plan: number | null;
  /** Account reference of who is entitled. */
  account: string;
  /** Null where nothing is counted. */
  reservation: Reservation | null;
  /** `x-ratelimit-*` as OpenAI's clients know them; empty where nothing is counted. */
  headers: Record<string, string>;
}

/** What a chat template may add to a prompt, and to each of its messages, in tokens. */
const TEMPLATE = { prompt: 256, message: 16 };
/** Seconds after which to try again when calls that are running hold what is left. */
const SOON = 5;

/**
 * Admits a call, and under a plan reserves its quota: one statement. Owners and subscribers are not counted. What is
 * admitted is to be given to `complete`, or to `release` when it comes to nothing; left alone it expires.
 * @throws AppError `plan_requests_exhausted`, `plan_tokens_exhausted` (429)
 */
export async function admit(deps: Deps, access: Access, request: InferenceRequest): Promise<Admission> {
  const { model, right } = access;
  if (right.kind !== "plan") {
    const { kind, account } = right;
    return { model, request, entitlement: kind, plan: null, account, reservation: null, headers: {} };
  }
  for (const plan of right.plans) {
    const size = sizeOf(request, model.contextLength, plan.plan.defaultAnswer);
    const reservation = await reserveOf(deps, plan, size);
    if (!reservation) continue;
    const headers = rateHeaders(plan.plan, reservation.requestsUsed, reservation.tokensUsed);
    return {
      model,
      request: withinGrant(request, size, reservation.tokens),
      entitlement: "plan",
      plan: plan.plan.plan,
      account: plan.account,
      reservation,
      headers,
    };
  }
  const best = right.plans[0]!;
  throw await refusal(deps, best, sizeOf(request, model.contextLength, best.plan.defaultAnswer).needed);
}

interface Size {
  /** The most tokens that the messages can be. */
  prompt: number;
  /** Without which the call makes no sense: the messages and one token of an answer. */
  needed: number;
  /** The answer alone, at most. */
  answer: number;
  /** What the call can use at most. */
  wanted: number;
}

/**
 * How many tokens a call can use. Only the engine knows how many the messages are; a token is at least one byte, so
 * their bytes bound it, and the model's context bounds all of it.
 * @param defaultAnswer tokens of an answer for which the request names no limit
 */
export function sizeOf(request: InferenceRequest, contextLength: number | null, defaultAnswer: number): Size {
  const answer = request.maxTokens ?? defaultAnswer;
  const context = contextLength ?? Number.MAX_SAFE_INTEGER;
  const prompt = promptBound(request);
  return {
    prompt,
    needed: Math.min(prompt + 1, context),
    answer,
    wanted: Math.min(prompt + answer, context),
  };
}

/** The most tokens that the messages of a call can be. */
export function promptBound({ messages }: InferenceRequest): number {
  return messages.reduce(
    (sum, { content }) => sum + Buffer.byteLength(content) + TEMPLATE.message,
    TEMPLATE.prompt,
  );
}

/** The request, with an answer no longer than what was granted leaves for it. */
export function withinGrant(request: InferenceRequest, size: Size, granted: number): InferenceRequest {
  // Where the whole context was granted, the context itself is the limit.
  if (granted >= size.wanted && size.wanted < size.prompt + size.answer) return request;
  return { ...request, maxTokens: Math.max(1, granted - size.prompt) };
}

/** Expired reservations are given back before a call is refused for want of them. */
async function reserveOf(deps: Deps, { plan, account }: PlanRight, size: Size): Promise<Reservation | null> {
  const call = { account, id: randomUUID(), wanted: size.wanted, needed: size.needed };
  const reserved = await reserve(deps.db, call, plan);
  if (reserved) return reserved;
  return (await reclaim(deps.db, account)) > 0 ? reserve(deps.db, call, plan) : null;
}

async function refusal(deps: Deps, { plan, account }: PlanRight, needed: number) {
  const used = await usedOf(deps.db, account);
  const headers = rateHeaders(plan, used.requests, used.tokens);
  const about = (limit: number, resetsAt: Date): Exhausted => ({
    planName: plan.name,
    limit,
    seconds: secondsUntil(resetsAt),
    resetsAt,
    upgradeUrl: plan.plan < PLANS.length - 1 ? new URL("/billing", deps.config.PUBLIC_URL).href : null,
    headers,
  });
  const { day, month } = resets();
  if (used.requests >= plan.requestsPerDay) return requestsExhausted(about(plan.requestsPerDay, day));
  const settled = used.tokens - used.reserved;
  const exhausted = about(plan.tokensPerMonth, month);
  if (settled + needed > plan.tokensPerMonth) {
    return tokensExhausted(exhausted, Math.max(0, plan.tokensPerMonth - settled), needed);
  }
  return tokensReserved({ ...exhausted, seconds: SOON });
}

function rateHeaders(plan: Plan, requests: number, tokens: number): Record<string, string> {
  const { day, month } = resets();
  return {
    "x-ratelimit-limit-requests": String(plan.requestsPerDay),
    "x-ratelimit-remaining-requests": String(Math.max(0, plan.requestsPerDay - requests)),
    "x-ratelimit-reset-requests": `${secondsUntil(day)}s`,
    "x-ratelimit-limit-tokens": String(plan.tokensPerMonth),
    "x-ratelimit-remaining-tokens": String(Math.max(0, plan.tokensPerMonth - tokens)),
    "x-ratelimit-reset-tokens": `${secondsUntil(month)}s`,
  };
}

const secondsUntil = (date: Date) => Math.max(1, Math.ceil((date.getTime() - Date.now()) / 1000));
