import { DEMO_ACCOUNTS, type DemoAccount } from "@aiforge/contracts";
import type { Address } from "viem";
import type { DemoIdentity } from "./demoWallet.ts";
import { ProviderError } from "./providerError.ts";

/** The people of the demo, and last the platform's admin; not the keys that its servers use. */
export const PEOPLE = ["creator", "member", "customer", "spare", "deployer"].flatMap((role) =>
  DEMO_ACCOUNTS.filter((account) => account.role === role),
);

export const rejected = () => new ProviderError(4001, "User rejected the request.");
export const notConnected = () => new ProviderError(4100, "This account is not connected.");

type Listener = (...args: unknown[]) => void;

/** Which person a demo wallet is connected as, remembered between visits, and who is told when that changes. */
export class DemoChoice {
  readonly #key: string;
  readonly #storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;
  /** An address as the wallet's chain writes it. */
  readonly #show: (address: Address) => string;
  readonly #listeners = new Map<string, Set<Listener>>();
  #person: DemoAccount | null;

  constructor(
    key: string,
    storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined,
    show: (address: Address) => string = (address) => address,
  ) {
    this.#key = key;
    this.#storage = storage;
    this.#show = show;
    const stored = storage?.getItem(key);
    this.#person = PEOPLE.find(({ address }) => address === stored) ?? null;
  }

  get person(): DemoAccount | null {
    return this.#person;
  }

  accounts(): string[] {
    return this.#person ? [this.#show(this.#person.address)] : [];
  }

  /** @param ask shows the people and gives the address of the one that was chosen; null for none */
  async choose(
    ask: (accounts: DemoIdentity[], current: Address | null) => Promise<Address | null>,
  ): Promise<string[]> {
    const before = this.#person;
    const chosen = await ask(
      PEOPLE.map(({ name, address }) => ({ name, address })),
      before?.address ?? null,
    );
    const person = PEOPLE.find(({ address }) => address === chosen);
    if (!person) throw rejected();
    this.#person = person;
    this.#storage?.setItem(this.#key, person.address);
    if (before && before !== person) {
      for (const listener of this.#listeners.get("accountsChanged") ?? []) listener(this.accounts());
    }
    return this.accounts();
  }

  forget(): void {
    this.#person = null;
    this.#storage?.removeItem(this.#key);
  }

  on = (event: string, listener: Listener): void => {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener));
  };

  removeListener = (event: string, listener: Listener): void => {
    this.#listeners.get(event)?.delete(listener);
  };
}
