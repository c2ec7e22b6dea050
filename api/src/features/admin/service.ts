import { keccak256, stringToHex, zeroHash } from "viem";
import { aiforgeCall } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { invalid } from "../../core/errors.ts";
import { readUsdt, usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { searchListed } from "../marketplace/queries.ts";
import { chainNow, isoOf } from "../publishing/onchain.ts";
import { planOf } from "../subscriptions/plans.ts";
import { hasRole, lacksRole, lastAdmin, nothingToVeto, pausedAlready } from "./errors.ts";
import * as queries from "./queries.ts";
import type { AdminCallView, OverviewView } from "./shapes.ts";

/** The contract's roles by their names here. */
const ROLES = {
  default_admin: zeroHash,
  admin: keccak256(stringToHex("ADMIN")),
  operator: keccak256(stringToHex("OPERATOR")),
} as const;

type RoleName = keyof typeof ROLES;
export type ManagedRole = Exclude<RoleName, "default_admin">;

/** Who grants and revokes a role, as the contract was built. */
const GRANTED_BY: Record<ManagedRole, RoleName> = { admin: "default_admin", operator: "admin" };

const nameOf = (role: string): RoleName =>
  role === ROLES.admin ? "admin" : role === ROLES.operator ? "operator" : "default_admin";

/**
 * Whether one of the user's linked wallets holds the contract's ADMIN, as far as the chain is mirrored.
 * @param chain CAIP-2: the contract on this chain; on any when left out
 */
export function isAdmin(deps: Deps, userId: string, chain?: string): Promise<boolean> {
  return queries.holdsRole(deps.db, userId, ROLES.admin, chain);
}

/** The wallets with a role, on every chain. */
export async function listWallets(deps: Deps) {
  const rows = await queries.roleHolders(deps.db, Object.values(ROLES));
  return {
    wallets: rows.map(({ chain, role, address, userId, userName }) => ({
      chain,
      address,
      role: nameOf(role),
      user: userId && userName !== null ? { id: userId, name: userName } : null,
    })),
    canSign: [
      ...new Set(rows.filter(({ role }) => role === ROLES.default_admin).map(({ address }) => address)),
    ],
  };
}

export interface RoleChange {
  /** Lower-case. */
  address: `0x${string}`;
  role: ManagedRole;
  /** CAIP-2; the first chain when left out. */
  chain?: string | undefined;
}

/**
 * Prepares giving a wallet a role. It is true once a wallet that may has signed the call and the mirror has seen it.
 * @throws AppError `unknown_chain`, `invalid_request` (400), `has_role` (409)
 */
export async function addWallet(deps: Deps, change: RoleChange): Promise<AdminCallView> {
  const chain = chainOf(deps, change.chain);
  if (BigInt(change.address) === 0n) throw invalid("address", "address: nobody has the zero address");
  if (await holds(deps, chain, change)) throw hasRole(change.role);
  return {
    call: aiforgeCall(chain, "grantRole", [ROLES[change.role], change.address]),
    signers: await holdersOf(deps, chain, GRANTED_BY[change.role]),
  };
}

/**
 * Prepares taking a role from a wallet.
 * @throws AppError `unknown_chain` (400), `lacks_role`, `last_admin` (409)
 */
export async function removeWallet(deps: Deps, change: RoleChange): Promise<AdminCallView> {
  const chain = chainOf(deps, change.chain);
  if (!(await holds(deps, chain, change))) throw lacksRole(change.role);
  if (change.role === "admin" && (await holdersOf(deps, chain, "admin")).length === 1) throw lastAdmin();
  return {
    call: aiforgeCall(chain, "revokeRole", [ROLES[change.role], change.address]),
    signers: await holdersOf(deps, chain, GRANTED_BY[change.role]),
  };
}

/** What the platform's own money stands at, chain by chain, as mirrored. */
export async function overview(deps: Deps): Promise<OverviewView> {
  const chains = await Promise.all(
    deps.chains.all.map(async (chain) => {
      const { settings, head, pool, fees, plans, roots } = await queries.chainState(deps.db, chain.chain);
      const now = chainNow(head?.blockTimestamp ?? 0n);
      const funded = plans.reduce((sum, plan) => sum + plan.funded, 0n);
      return {
        chain: chain.chain,
        name: chain.name,
        aiforge: chain.aiforge.toLowerCase(),
        explorer: chain.explorer,
        paused: settings?.paused ?? false,
        treasury: settings?.treasury ?? null,
        uncollectedFees: usdt(settings?.uncollectedFees ?? 0n),
        fees: usdt(fees),
        pool: { funded: usdt(funded), claimed: usdt(pool?.claimed ?? 0n) },
        plans: plans.map(({ plan, price }) => ({ plan, name: planOf(plan).name, priceMonth: usdt(price) })),
        roots: roots.map(({ month, root, total, activeAt, vetoed, cid, txHash }) => ({
          month: monthText(month),
          root,
          total: usdt(total),
          activeAt: isoOf(activeAt),
          state: vetoed ? ("vetoed" as const) : activeAt > now ? ("waiting" as const) : ("active" as const),
          cid,
          txHash,
        })),
        headBlock: head ? Number(head.blockNumber) : null,
      };
    }),
  );
  const [users, all, listed] = await Promise.all([
    queries.userCount(deps.db),
    queries.modelCount(deps.db),
    searchListed(deps.db, { q: "", sort: "newest", page: 1, pageSize: 1 }),
  ]);
  return { chains, users, models: { all, listed: listed.total } };
}

/** Prepares crediting the treasury with the fees that were not collected yet. Anybody can sign it. */
export async function collectFees(deps: Deps, chainId?: string): Promise<AdminCallView> {
  const chain = chainOf(deps, chainId);
  return { call: aiforgeCall(chain, "collectFees", []), signers: await holdersOf(deps, chain, "admin") };
}

/**
 * Prepares another price of a plan, for later purchases.
 * @param price USDT a month; 0: not offered
 * @throws AppError `invalid_amount` (400)
 */
export async function setPlanPrice(
  deps: Deps,
  { plan, price, chain: chainId }: { plan: number; price: string; chain?: string | undefined },
): Promise<AdminCallView> {
  const chain = chainOf(deps, chainId);
  const amount = readUsdt("price", price);
  return {
    call: aiforgeCall(chain, "setPlanPrice", [plan, amount]),
    signers: await holdersOf(deps, chain, "admin"),
  };
}

/** Prepares the veto of the root that waits. @throws AppError `nothing_to_veto` (409) */
export async function vetoRoot(deps: Deps, chainId?: string): Promise<AdminCallView> {
  const chain = chainOf(deps, chainId);
  const { pool, head } = await queries.chainState(deps.db, chain.chain);
  const waits = pool?.pendingRoot && (pool.activeAt ?? 0n) > chainNow(head?.blockTimestamp ?? 0n);
  if (!waits) throw nothingToVeto();
  return { call: aiforgeCall(chain, "vetoRoot", []), signers: await holdersOf(deps, chain, "admin") };
}

/** Prepares stopping new money, or letting it in again. @throws AppError `paused`, `not_paused` (409) */
export async function setPaused(deps: Deps, paused: boolean, chainId?: string): Promise<AdminCallView> {
  const chain = chainOf(deps, chainId);
  const { settings } = await queries.chainState(deps.db, chain.chain);
  if ((settings?.paused ?? false) === paused) throw pausedAlready(paused);
  return {
    call: aiforgeCall(chain, paused ? "pause" : "unpause", []),
    signers: await holdersOf(deps, chain, "admin"),
  };
}

const chainOf = (deps: Deps, id: string | undefined): Chain =>
  id === undefined ? deps.chains.all[0]! : deps.chains.get(id);

/** The wallets that hold a role on a chain, as mirrored. */
export async function holdersOf(deps: Deps, chain: Pick<Chain, "chain">, role: RoleName): Promise<string[]> {
  const rows = await queries.roleHolders(deps.db, [ROLES[role]]);
  return [...new Set(rows.filter((row) => row.chain === chain.chain).map(({ address }) => address))];
}

async function holds(deps: Deps, chain: Chain, { address, role }: RoleChange): Promise<boolean> {
  return (await holdersOf(deps, chain, role)).includes(address);
}

/** The contract numbers months year * 12 + month - 1. */
const monthText = (month: number) => `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}`;
