import { call, open } from "./http.ts";
import type * as t from "./types.ts";

export { ApiError, asApiError } from "./http.ts";
export type * from "./types.ts";

const id = encodeURIComponent;

/** Every call that a page makes, by noun. All throw {@link ApiError}. */
export const api = {
  chains: () => call<{ chains: t.Chain[] }>("GET", "/chains").then((r) => r.chains),
  auth: {
    me: () => call<{ user: t.User }>("GET", "/auth/me").then((r) => r.user),
    register: (body: { email: string; password: string; name: string }) =>
      call<{ user: t.User }>("POST", "/auth/register", { body }).then((r) => r.user),
    login: (body: { email: string; password: string }) =>
      call<{ user: t.User }>("POST", "/auth/login", { body }).then((r) => r.user),
    logout: () => call<void>("POST", "/auth/logout"),
    walletMessage: (address: string, chainId: number) =>
      call<t.SignMessage>("GET", "/auth/wallet/auth-message", { query: { address, chainId } }),
    walletLogin: (body: { message: string; signature: string }) =>
      call<{ user: t.User; created: boolean }>("POST", "/auth/wallet/login", { body }),
  },
  wallets: {
    connect: (body: { address: string; chainId: number }) =>
      call<t.SignMessage>("POST", "/wallets/connect", { body }),
    verify: (body: { message: string; signature: string }) =>
      call<{ wallet: t.Wallet }>("POST", "/wallets/verify", { body }).then((r) => r.wallet),
    remove: (walletId: string) => call<void>("DELETE", `/wallets/${id(walletId)}`),
  },
  groups: {
    list: () => call<{ groups: t.Group[] }>("GET", "/groups").then((r) => r.groups),
    get: (groupId: string) => call<t.Group>("GET", `/groups/${id(groupId)}`),
    create: (name: string) => call<t.Group>("POST", "/groups", { body: { name } }),
    addMember: (groupId: string, body: { wallet?: string; email?: string; role: "owner" | "member" }) =>
      call<t.Group>("POST", `/groups/${id(groupId)}/members`, { body }),
    removeMember: (groupId: string, userId: string) =>
      call<t.Group | undefined>("DELETE", `/groups/${id(groupId)}/members/${id(userId)}`),
  },
  models: {
    mine: () => call<{ models: t.Model[] }>("GET", "/models/mine").then((r) => r.models),
    get: (modelId: string) => call<t.Model>("GET", `/models/${id(modelId)}`),
    create: (body: {
      groupId: string;
      name: string;
      description: string;
      license: string;
      tags?: string[];
    }) => call<t.Model>("POST", "/models", { body }),
    split: (modelId: string) => call<t.SplitState>("GET", `/group-revenue/model/${id(modelId)}/split`),
    setSplit: (modelId: string, members: t.Share[]) =>
      call<{ split: { members: t.Share[] }; onchain: t.Call | null }>(
        "POST",
        `/group-revenue/model/${id(modelId)}/split`,
        {
          body: { members },
        },
      ),
    publishing: (modelId: string, wallet?: string) =>
      call<t.PublishingState>("GET", `/publishing/model/${id(modelId)}/publishing`, { query: { wallet } }),
    publish: (
      modelId: string,
      body: { wallet: string; chain: string; terms: Partial<t.Terms> & { month: string } },
    ) =>
      call<{ payment: t.Payment }>("POST", `/publishing/model/${id(modelId)}/publish`, { body }).then(
        (r) => r.payment,
      ),
    setTerms: (body: { modelId: string; month: string }) =>
      call<{ onchain: t.Call | null }>("POST", "/marketplace/create", { body }),
  },
  market: {
    list: (query: { q?: string; sort?: string; page?: number }) =>
      call<{ items: t.MarketItem[]; total: number }>("GET", "/marketplace/marketplace", { query }),
    subscribe: (modelId: string, body: { wallet: string; chain: string; months: number }) =>
      call<{ payment: t.Payment }>("POST", `/marketplace/${id(modelId)}/subscribe`, { body }).then(
        (r) => r.payment,
      ),
    subscriptions: () =>
      call<{ subscriptions: t.Subscription[] }>("GET", "/marketplace/my-subscriptions").then(
        (r) => r.subscriptions,
      ),
  },
  payments: {
    verify: (paymentId: string, txHash: string) =>
      call<t.Payment>("POST", "/payments/verify", { body: { paymentId, txHash } }),
    get: (paymentId: string) => call<t.Payment>("GET", `/payments/${id(paymentId)}`),
    history: () => call<{ payments: t.Payment[] }>("GET", "/payments/history/all").then((r) => r.payments),
  },
  keys: {
    list: () => call<{ keys: t.ApiKey[] }>("GET", "/keys").then((r) => r.keys),
    create: (body: { name: string; expiresAt?: string }) =>
      call<{ key: t.ApiKey; secret: string }>("POST", "/keys", { body }),
    revoke: (keyId: string) => call<void>("DELETE", `/keys/${id(keyId)}`),
    usage: () =>
      call<t.UsageRow[] | { rows: t.UsageRow[] }>("GET", "/keys/usage").then((r) =>
        Array.isArray(r) ? r : r.rows,
      ),
  },
  chat: {
    conversations: () =>
      call<{ conversations: t.Conversation[] }>("GET", "/chat/conversations").then((r) => r.conversations),
    create: (body: { modelId: string; title?: string }) =>
      call<t.Conversation>("POST", "/chat/conversations", { body }),
    get: (conversationId: string) =>
      call<{ conversation: t.Conversation; messages: t.ChatMessage[] }>(
        "GET",
        `/chat/conversations/${id(conversationId)}`,
      ),
    remove: (conversationId: string) => call<void>("DELETE", `/chat/conversations/${id(conversationId)}`),
    send: (conversationId: string, content: string, signal: AbortSignal) =>
      open("POST", `/chat/conversations/${id(conversationId)}/messages`, { body: { content }, signal }),
  },
  earnings: () => call<t.Earnings>("GET", "/revenue/my-earnings"),
};
