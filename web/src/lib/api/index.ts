import * as client from "@aiforge/api/client";
import { open, text, unwrap } from "./http.ts";
import { notifications } from "./notifications.ts";
import type * as t from "./types.ts";

export { ApiError, asApiError } from "./http.ts";
export type * from "./types.ts";

/** Every call that a page makes, by noun, over the client generated from the API's document. All throw {@link ApiError}. */
export const api = {
  notifications,
  chains: async () => (await unwrap<{ chains: t.Chain[] }>(client.listChains())).chains,
  auth: {
    me: async () => (await unwrap<{ user: t.User }>(client.me())).user,
    register: async (body: { email: string; password: string; name: string }) =>
      (await unwrap<{ user: t.User }>(client.register({ body }))).user,
    login: async (body: { email: string; password: string }) =>
      (await unwrap<{ user: t.User }>(client.login({ body }))).user,
    logout: () => unwrap(client.logout()),
    walletMessage: (address: string, chainId: number) =>
      unwrap(client.walletAuthMessage({ query: { address, chainId } })),
    walletLogin: (body: { message: string; signature: string }) =>
      unwrap<{ user: t.User; created: boolean }>(client.walletLogin({ body })),
  },
  wallets: {
    connect: (body: { address: string; chainId: number }) => unwrap(client.connectWallet({ body })),
    verify: (body: { message: string; signature: string }) => unwrap(client.verifyWallet({ body })),
    remove: (id: string) => unwrap(client.removeWallet({ path: { id } })),
  },
  groups: {
    list: async () => (await unwrap<{ groups: t.Group[] }>(client.listGroups())).groups,
    get: (id: string) => unwrap<t.Group>(client.getGroup({ path: { id } })),
    create: (name: string) => unwrap<t.Group>(client.createGroup({ body: { name } })),
    addMember: (id: string, body: ({ wallet: string } | { email: string }) & { role: "owner" | "member" }) =>
      unwrap<t.Group>(client.addGroupMember({ path: { id }, body })),
    removeMember: (id: string, userId: string) => unwrap(client.removeGroupMember({ path: { id, userId } })),
  },
  models: {
    mine: async () => (await unwrap<{ models: t.Model[] }>(client.listMyModels())).models,
    get: (id: string) => unwrap<t.Model>(client.getModel({ path: { id } })),
    create: (body: {
      groupId: string;
      name: string;
      description: string;
      license: string;
      tags?: string[];
      weights?: t.Model["weights"];
    }) => unwrap<t.Model>(client.createModel({ body })),
    versions: async (id: string) =>
      (await unwrap<{ versions: t.ModelVersion[] }>(client.listModelVersions({ path: { id } }))).versions,
    serve: (id: string, number: number) =>
      unwrap<t.Model>(client.serveModelVersion({ path: { id, number } })),
    split: (id: string) => unwrap<t.SplitState>(client.getSplit({ path: { id } })),
    setSplit: (id: string, members: t.Share[]) =>
      unwrap<{ onchain: t.Call | null }>(client.setSplit({ path: { id }, body: { members } })),
    publishing: (id: string, wallet?: string) =>
      unwrap(client.getPublishing({ path: { id }, query: { wallet } })),
    change: (id: string, body: { inPlans?: boolean }) =>
      unwrap<t.Model>(client.changeModel({ path: { id }, body })),
    payListing: async (id: string, body: { wallet: string; chain: string; months: number }) =>
      (await unwrap<{ payment: t.Payment }>(client.payListingFee({ path: { id }, body }))).payment,
    license: (id: string) => unwrap(client.getLicense({ path: { id } })),
    licenses: async () => (await unwrap(client.listMyLicenses())).licenses,
    buy: async (id: string, body: { wallet: string; chain: string; groupId?: string | null }) =>
      (await unwrap<{ payment: t.Payment }>(client.buyLicense({ path: { id }, body }))).payment,
    publish: async (
      id: string,
      body: { wallet: string; chain: string; terms: { month: string; sale?: string } },
    ) => (await unwrap<{ payment: t.Payment }>(client.publishModel({ path: { id }, body }))).payment,
    setTerms: (body: { modelId: string; month: string; sale?: string }) =>
      unwrap<{ onchain: t.Call | null }>(client.createService({ body })),
  },
  market: {
    list: (query: { q?: string; sort?: "newest" | "popular" | "price"; page?: number; pageSize?: number }) =>
      unwrap<{ items: t.MarketItem[]; total: number }>(client.searchMarketplace({ query })),
    subscribe: async (id: string, body: { wallet: string; chain: string; months: number }) =>
      (await unwrap<{ payment: t.Payment }>(client.subscribe({ path: { id }, body }))).payment,
    subscriptions: async () => (await unwrap(client.listSubscriptions())).subscriptions,
  },
  payments: {
    verify: (paymentId: string, txHash: string) =>
      unwrap<t.Payment>(client.verifyPayment({ body: { paymentId, txHash } })),
    get: (id: string) => unwrap<t.Payment>(client.getPayment({ path: { id } })),
    permit: (id: string, signature: string) =>
      unwrap<{ call: t.Call }>(client.permitPayment({ path: { id }, body: { signature } })),
    history: (query: { cursor?: string; limit?: number } = {}) =>
      unwrap<{ payments: t.Payment[]; next: string | null }>(client.listPayments({ query })),
    transfers: async () => (await unwrap(client.listTransfers())).transfers,
  },
  plans: {
    list: async () => (await unwrap(client.listPlans())).plans,
    mine: () => unwrap(client.getMySubscription()),
    buy: async (body: {
      plan: number;
      months: number;
      wallet: string;
      chain: string;
      groupId?: string | null;
    }) => (await unwrap<{ payment: t.Payment }>(client.createPlanSubscription({ body }))).payment,
    cancel: (groupId: string | null) => unwrap(client.cancelPlanSubscription({ body: { groupId } })),
  },
  keys: {
    list: async () => (await unwrap(client.listKeys())).keys,
    create: (body: { name: string; expiresAt?: string; scopes?: t.KeyScope[] }) =>
      unwrap(client.createKey({ body })),
    revoke: (id: string) => unwrap(client.revokeKey({ path: { id } })),
    usage: async () => (await unwrap(client.listUsage())).usage,
  },
  chat: {
    conversations: async () => (await unwrap(client.listConversations())).conversations,
    create: (body: { modelId: string }) => unwrap(client.createConversation({ body })),
    get: (id: string) => unwrap(client.getConversation({ path: { id } })),
    remove: (id: string) => unwrap(client.deleteConversation({ path: { id } })),
    /** The answer's event stream; read it with readChatEvents. */
    send: (id: string, content: string, signal: AbortSignal) =>
      open(`/api/chat/conversations/${encodeURIComponent(id)}/messages`, { content }, signal),
  },
  jobs: {
    templates: async () => (await unwrap(client.listJobTemplates())).templates,
    estimate: (spec: t.JobSpecificationInput) => unwrap(client.estimateJob({ body: { spec } })),
    create: (body: Parameters<typeof client.createJob>[0]["body"]) =>
      unwrap<t.JobDetail>(client.createJob({ body })),
    list: (query: { state?: t.JobState; cursor?: string; limit?: number } = {}) =>
      unwrap(client.listJobs({ query })),
    get: (id: string) => unwrap<t.JobDetail>(client.getJob({ path: { id } })),
    logs: (id: string, query: { attempt: number; after?: number }) =>
      unwrap(client.getJobLogs({ path: { id }, query })),
    cancel: (id: string) => unwrap<t.JobDetail>(client.cancelJob({ path: { id } })),
    /** Makes an output the file of a model of one's own. */
    publish: (id: string, body: { path: string; modelId: string; note?: string }) =>
      unwrap<t.Model>(client.publishJobOutput({ path: { id }, body })),
    prepareDispute: async (id: string) =>
      (await unwrap<{ call: t.Call }>(client.prepareJobDispute({ path: { id } }))).call,
    prepareApprove: async (id: string) =>
      (await unwrap<{ call: t.Call }>(client.prepareJobApprove({ path: { id } }))).call,
    prepareRefund: async (id: string) =>
      (await unwrap<{ call: t.Call }>(client.prepareJobRefund({ path: { id } }))).call,
  },
  files: {
    list: async () => (await unwrap(client.listFiles())).files,
  },
  nodes: {
    list: (query: t.NodeQuery & { cursor?: string; limit?: number } = {}) =>
      unwrap<{ nodes: t.Node[]; next: string | null; counts: t.NodeCounts | null }>(
        client.listNodes({ query }),
      ),
    get: (id: string) => unwrap<t.NodeDetail>(client.getNode({ path: { id } })),
    mine: async () => (await unwrap<{ nodes: t.MyNode[] }>(client.listMyNodes())).nodes,
    samples: async (id: string, range: "day" | "week") =>
      (await unwrap<{ samples: t.NodeSample[] }>(client.listNodeSamples({ path: { id }, query: { range } })))
        .samples,
  },
  admin: {
    wallets: () => unwrap(client.listAdminWallets()),
    overview: () => unwrap(client.getAdminOverview()),
    addWallet: (body: { address: string; role: "admin" | "operator"; chain: string }) =>
      unwrap<t.AdminCall>(client.addAdminWallet({ body })),
    removeWallet: (body: { address: string; role: "admin" | "operator"; chain: string }) =>
      unwrap<t.AdminCall>(client.removeAdminWallet({ body })),
    collectFees: (chain: string) => unwrap<t.AdminCall>(client.prepareCollectFees({ body: { chain } })),
    setPlanPrice: (body: { plan: number; price: string; chain: string }) =>
      unwrap<t.AdminCall>(client.prepareSetPlanPrice({ body })),
    vetoRoot: (chain: string) => unwrap<t.AdminCall>(client.prepareVetoRoot({ body: { chain } })),
    verifyNode: (id: string) => unwrap<t.Node>(client.verifyNode({ path: { id } })),
    unverifyNode: (id: string) => unwrap<t.Node>(client.unverifyNode({ path: { id } })),
    activateNode: (id: string) => unwrap<t.Node>(client.activateNode({ path: { id } })),
    deactivateNode: (id: string, reason: string) =>
      unwrap<t.Node>(client.deactivateNode({ path: { id }, body: { reason } })),
    nodeJobs: async (id: string) =>
      (await unwrap<{ jobs: t.NodeJob[] }>(client.listNodeJobs({ path: { id } }))).jobs,
    inviteNode: (days: number) =>
      unwrap<{ invite: string; expiresAt: string }>(client.createNodeInvite({ body: { days } })),
    nodeInvites: async () => (await unwrap<{ invites: t.NodeInvite[] }>(client.listNodeInvites())).invites,
    revokeInvite: (id: string) => unwrap<t.NodeInvite>(client.revokeNodeInvite({ path: { id } })),
    disputes: () => unwrap<{ jobs: t.DisputedJob[]; decided: t.DisputedJob[] }>(client.listDisputedJobs()),
    jobs: async (q?: string) =>
      (await unwrap<{ jobs: t.AdminJob[] }>(client.listAnyJobs({ query: { q } }))).jobs,
    job: (id: string) => unwrap<t.AdminJobDetail>(client.getAnyJob({ path: { id } })),
    jobLogs: (id: string, query: { attempt: number; after?: number }) =>
      unwrap(client.getAnyJobLogs({ path: { id }, query })),
    resolveJob: (id: string, nodeBps: number) =>
      unwrap<t.AdminCall>(client.prepareResolveJob({ path: { id }, body: { nodeBps } })),
    cancelJob: (id: string, reason: string) =>
      unwrap<t.Job>(client.cancelJobAsAdmin({ path: { id }, body: { reason } })),
    pause: (chain: string) => unwrap<t.AdminCall>(client.preparePause({ body: { chain } })),
    unpause: (chain: string) => unwrap<t.AdminCall>(client.prepareUnpause({ body: { chain } })),
    heldTransfers: () => unwrap<t.HeldTransfers>(client.listHeldTransfers()),
    assignTransfer: (id: string, body: { wallet?: string; paymentId?: string; note: string }) =>
      unwrap<t.HeldTransfers>(client.assignTransfer({ path: { id }, body })),
  },
  revenue: {
    summary: () => unwrap(client.getRevenueSummary({ query: { scope: "mine" } })),
    monthly: (year: number, month: number) =>
      unwrap(client.getMonthlyRevenue({ path: { year, month }, query: { scope: "mine" } })),
    statement: (id: string, year: number, month: number) =>
      unwrap<t.Statement>(client.getRevenueStatement({ path: { id, year, month } })),
    freeze: (id: string, year: number, month: number) =>
      unwrap<t.Statement>(client.freezeRevenueStatement({ path: { id, year, month } })),
    groups: async () => (await unwrap(client.getGroupEarnings())).groups,
    distribution: (year: number, month: number, chain?: string) =>
      unwrap(client.getDistribution({ path: { year, month }, query: chain ? { chain } : {} })),
    /** For admins: takes an ended month as far as it goes now; `again` a vetoed one. */
    distribute: (year: number, month: number, chain: string, again: boolean) =>
      unwrap<t.Distribution>(
        client.distributeMonth({ path: { year, month }, query: { chain, again: again ? "true" : "false" } }),
      ),
    /** The very bytes that were published, as text; they are ASCII. */
    inputs: (url: string) => text(url),
  },
  earnings: () => unwrap<t.Earnings>(client.getEarnings()),
};
