/** The API's shapes, as its OpenAPI document gives them. Amounts are decimal strings in USDT, times ISO 8601. */
import type { Address, Hex } from "viem";

export interface Wallet {
  id: string;
  address: Address;
  chain: string;
  linkedAt: string;
}
export interface User {
  id: string;
  email: string | null;
  name: string;
  wallets: Wallet[];
}
export interface SignMessage {
  message: string;
  nonce: string;
  expiresAt: string;
}
export interface GroupMember {
  userId: string;
  name: string;
  role: "owner" | "member";
  wallets: Address[];
}
export interface Group {
  id: string;
  name: string;
  role: "owner" | "member";
  members: GroupMember[];
  createdAt: string;
}
export interface Chain {
  /** CAIP-2, "eip155:31337". */
  chain: string;
  chainId: number;
  name: string;
  rpcUrl: string;
  aiforge: Address;
  usdt: Address;
  treasury: Address;
  confirmations: number;
  explorer: string | null;
  demo: boolean;
  headBlock: number | null;
  mirroredBlock: number | null;
}
export interface Share {
  address: Address;
  bps: number;
}
export interface GgufHeader {
  architecture: string | null;
  parameters: number | string | null;
  quantization: string | null;
  contextLength: number | null;
  chatTemplate: string | null;
  name: string | null;
}
export interface ModelFile {
  state: "uploading" | "processing" | "ready" | "failed";
  error: string | null;
  cid: string | null;
  size: number;
  sha256: string | null;
  gguf: GgufHeader | null;
  receivedBytes: number;
}
export interface Terms {
  month: string;
  sale: string;
  input: string;
  output: string;
}
export interface Onchain {
  chain: string;
  modelId: Hex;
  owner: Address;
  splitId: Hex;
  split: { members: Share[] };
  paidUntil: string;
  listedUntil: string;
  listed: boolean;
  terms: Terms;
  txHash: Hex;
  confirmations: number;
  confirmed: boolean;
}
export interface Model {
  id: string;
  groupId: string;
  groupName: string;
  name: string;
  description: string;
  license: string;
  tags: string[];
  file: ModelFile | null;
  onchain: Onchain | null;
  serving: { nodes: number; warm: boolean };
  subscribers: number;
  createdAt: string;
}
export interface MarketItem extends Model {
  priceMonth: string;
}
/** A contract call to sign. `data` is what the wallet sends; the rest says what it means. */
export interface Call {
  to: Address;
  abi: "aiforge" | "usdt";
  functionName: string;
  args: unknown[];
  data: Hex;
  value: string;
}
export interface Recipient {
  label: string;
  address: Address;
  bps: number;
  amount: string;
}
export interface Reason {
  code: string;
  message: string;
  hint?: string | null;
}
export interface Payment {
  id: string;
  purpose: "publish" | "service" | "listing";
  chain: string;
  status: "quoted" | "seen" | "confirmed" | "expired" | "failed";
  amount: string;
  fee: string;
  creators: string;
  recipients: Recipient[];
  account: Hex;
  expiresAt: string;
  modelId: string;
  months: number | null;
  txHash: Hex | null;
  confirmations: number;
  required: number;
  allowance: Call | null;
  call: Call;
  reason: Reason | null;
  createdAt?: string;
}
export interface PublishingState {
  state: "draft" | "ready" | "published";
  missing: string[];
  fee: string;
  firstFree: boolean;
}
export interface SplitState {
  draft: { members: Share[] } | null;
  current: { splitId: Hex; members: Share[] } | null;
  history: { splitId: Hex; members: Share[] }[];
}
export interface Purchase {
  txHash: Hex;
  price: string;
  fee: string;
  months: number;
  at: string;
  confirmations: number;
  confirmed: boolean;
}
export interface Subscription {
  modelId: string;
  modelName: string;
  activeUntil: string | null;
  active: boolean;
  pending: boolean;
  purchases: Purchase[];
}
export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string | null;
  revokedAt: string | null;
  modelIds: string[] | null;
}
export interface UsageRow {
  at: string;
  model: string;
  promptTokens: number;
  completionTokens: number;
  outcome: string;
  keyName: string | null;
}
export interface Conversation {
  id: string;
  modelId: string;
  title: string;
  createdAt: string;
  updatedAt?: string;
}
export interface ChatMessage {
  id: string;
  role: "user" | "assistant" | "system";
  content: string;
  finishReason?: string | null;
  createdAt?: string;
}
export interface EarningModel {
  modelId: string;
  name: string;
  splitId: Hex;
  revenue: string;
  platformFee: string;
  creators: string;
  mine: { bps: number; earned: string; drawn: string; drawable: string; member: Address } | null;
  members: { address: Address; bps: number; earned: string; drawn: string }[];
}
export interface Earnings {
  totals: { earned: string; drawn: string; drawable: string; credit: string };
  models: EarningModel[];
  claims: {
    chain: string;
    splitId: Hex;
    split: { members: Address[]; bps: number[] };
    member: Address;
    drawable: string;
    call: Call;
  }[];
  credits: { chain: string; address: Address; amount: string; call: Call }[];
  platform: { earned: string } | null;
  entries: { at: string; kind: string; amount: string; txHash: Hex }[];
}
