import { type ApiError, api, asApiError, type User } from "../api/index.ts";
import { wallet } from "../wallet/wallet.svelte.ts";

/** Who is signed in. */
class Session {
  user = $state.raw<User | null>(null);
  status = $state<"unknown" | "in" | "out">("unknown");
  /** Why it could not be found out. */
  error = $state.raw<ApiError | null>(null);

  load = async (): Promise<void> => {
    this.error = null;
    try {
      this.set(await api.auth.me());
    } catch (error) {
      const problem = asApiError(error);
      if (problem.status === 401) this.set(null);
      else this.error = problem;
    }
  };

  set(user: User | null): void {
    this.user = user;
    this.status = user ? "in" : "out";
  }

  async signOut(): Promise<void> {
    await api.auth.logout();
    this.set(null);
  }

  /** Whether the connected wallet belongs to this account. */
  get walletLinked(): boolean {
    const address = wallet.address?.toLowerCase();
    const { namespace } = wallet.connected;
    return (
      !!address &&
      !!this.user?.wallets.some(
        (linked) => linked.address.toLowerCase() === address && linked.chain.split(":")[0] === namespace,
      )
    );
  }

  /** Signs in with the connected wallet (EIP-4361, and the same text on Tron). Tells whether an account was created for it. */
  async signInWithWallet(): Promise<{ created: boolean }> {
    const { address, chain } = wallet;
    if (!address || !chain) throw new Error("Connect a wallet first.");
    const { message } = await api.auth.walletMessage(address, chain.chainId);
    const signature = await wallet.signMessage(message);
    const { user, created } = await api.auth.walletLogin({ message, signature });
    this.set(user);
    return { created };
  }

  /** Adds the connected wallet to the account, by a signature that costs nothing. */
  async linkWallet(): Promise<void> {
    const { address, chain } = wallet;
    if (!address || !chain) throw new Error("Connect a wallet first.");
    const { message } = await api.wallets.connect({ address, chainId: chain.chainId });
    const signature = await wallet.signMessage(message);
    await api.wallets.verify({ message, signature });
    this.set(await api.auth.me());
  }
}

export const session = new Session();
