/**
 * The API's shapes, from its generated client, with addresses and hashes typed as the wallet code needs them. Amounts
 * are decimal strings in USDT, times ISO 8601.
 */
import type * as g from "@aiforge/api/client";
import type { Address, Hex } from "viem";

type With<Shape, Changes> = Omit<Shape, keyof Changes> & Changes;

export type Wallet = With<g.Wallet, { address: Address }>;
export type User = With<g.User, { wallets: Wallet[] }>;
export type SignMessage = g.WalletChallenge;
export type GroupMember = With<
  g.Group["members"][number],
  { wallets: { address: Address; chain: string }[] }
>;
export type Group = With<g.Group, { members: GroupMember[] }>;
export type Chain = With<g.Chain, { aiforge: Address; usdt: Address; treasury: Address | null }>;
export type Share = With<g.SplitMember, { address: Address }>;
export type GgufHeader = NonNullable<g.GgufFacts>;
export type ModelFile = NonNullable<g.ModelFile>;
export type ModelVersion = g.ModelVersion;
export type Terms = g.Terms;
export type Onchain = With<
  NonNullable<g.OnchainModel>,
  { owner: Address; split: { members: Share[] }; txHash: Hex }
>;
export type Model = With<g.Model, { onchain: Onchain | null }>;
export type MarketItem = Model & { priceMonth: string };
/** A contract call to sign. `data` is what the wallet sends; the rest says what it means. */
export type Call = With<NonNullable<g.Call>, { to: Address; data: Hex }>;
export type PaymentShare = g.PaymentShare;
export type PaymentWays = With<
  NonNullable<NonNullable<g.Payment>["ways"]>,
  { credit: { available: string; call: Call } | null }
>;
export type Payment = With<
  NonNullable<g.Payment>,
  {
    call: Call;
    allowance: Call | null;
    allowanceReset: Call | null;
    txHash: Hex | null;
    ways: PaymentWays | null;
    unmatched: NonNullable<NonNullable<g.Payment>["received"]>[];
  }
>;
export type License = g.License;
export type MyLicense = g.MyLicense;
export type AdminWallet = g.AdminWallet;
export type AdminOverview = g.AdminOverview;
export type AdminCall = With<g.AdminCall, { call: Call }>;
export type HeldTransfers = g.HeldTransfers;
export type Distribution = g.Distribution;
export type RevenueSummary = g.RevenueSummary;
export type MonthlyRevenue = g.MonthlyRevenue;
export type GroupEarnings = g.GroupEarnings;
export type Statement = With<
  g.RevenueStatement,
  { calls: With<g.RevenueStatement["calls"][number], { call: Call }>[] }
>;
export type JobSpecificationInput = g.JobSpecificationInput;
export type JobTemplate = g.JobTemplate;
export type JobEstimate = g.JobEstimate;
export type Job = g.Job;
export type JobState = g.Job["state"];
export type JobDetail = With<g.JobDetail, { payment: Payment | null }>;
export type JobDispute = g.JobDispute;
export type DisputedJob = g.DisputedJob;
export type AdminJob = g.AdminJob;
export type AdminJobDetail = With<g.AdminJobDetail, { job: JobDetail }>;
export type NodeInvite = g.NodeInvite;
export type JobEvent = g.JobEvent;
export type JobAttempt = g.JobAttempt;
export type JobOutput = g.JobOutput;
export type JobSample = g.JobSample;
export type JobLog = g.JobLog;
export type JobStreamEvent = g.JobStreamEvent;
export type StoredFile = g.StoredFile;
/** A node that was never heard has no figures. */
interface NodeParts {
  address: Address;
  figures: g.NodeFigures | null;
}
export type Node = With<g.Node, NodeParts>;
/** What the list of nodes is asked for. */
export type NodeQuery = Pick<NonNullable<g.ListNodesData["query"]>, "only" | "sort" | "q" | "modelId">;
export type NodeFilter = NonNullable<NodeQuery["only"]>[number];
export type NodeSort = NonNullable<NodeQuery["sort"]>;
export type NodeCounts = NonNullable<g.ListNodesResponse["counts"]>;
export type NodeDetail = With<g.NodeDetail, NodeParts>;
export type MyNode = With<g.MyNode, NodeParts>;
export type NodeJob = g.NodeJob;
export type NodeProbe = g.NodeProbe;
export type NodeSample = g.NodeSample;
export type Notification = g.Notification;
export type NotificationPreferences = g.NotificationPreferences;
export type NotificationChoice = Omit<NotificationPreferences["kinds"][number], "label">;
export type Webhook = g.Webhook;
export type Plan = g.Plan;
export type MySubscription = g.MySubscription;
export type Publishing = g.Publishing;
export interface SplitState {
  draft: { members: Share[] } | null;
  current: { splitId: string; members: Share[] } | null;
  history: {
    splitId: string;
    members: Share[];
    since: { block: number; time: string; txHash: string };
    until: string | null;
    earned: string;
  }[];
}
export type Subscription = g.Subscription;
export type ApiKey = g.Key;
export type KeyScope = ApiKey["scopes"][number];
export type UsageRow = g.Usage;
export type Conversation = g.Conversation;
export type ChatMessage = Pick<g.ChatMessage, "id" | "role" | "content"> & {
  finishReason?: g.ChatMessage["finishReason"];
};
export type ChatEvent = g.ChatEvent;
export type EarningModel = g.Earnings["models"][number];
export type Earnings = With<
  g.Earnings,
  {
    claims: With<g.Earnings["claims"][number], { call: Call }>[];
    credits: With<g.Earnings["credits"][number], { call: Call }>[];
  }
>;
