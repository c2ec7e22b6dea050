import { providerWallet } from "./provider.ts";
import type { TronChoice, TronProvider } from "./types.ts";

const ANNOUNCE = "TIP6963:announceProvider";
const REQUEST = "TIP6963:requestProvider";
const TRONLINK = { rdns: "org.tronlink.www", name: "TronLink" };
/** A wallet that announces nothing may come into the page a moment after it. */
const LATER_MS = 1000;

interface Announced {
  info?: { rdns?: string; name?: string; icon?: string };
  provider?: TronProvider;
}
interface OldWallets {
  tron?: TronProvider;
  tronLink?: unknown;
}

/** Another wallet than one of Ethereum, which may have the same rdns. */
const choiceId = (rdns: string): string => `tron:${rdns}`;

const tronLink = (icon: string | null): TronChoice => ({
  id: choiceId(TRONLINK.rdns),
  name: TRONLINK.name,
  icon,
  open: async (onChange) => (await import("./tronLink.ts")).openTronLink(onChange),
});

/**
 * Looks for Tron wallets: by TIP-6963, and what is there without having announced itself as `window.tron` (TIP-1193)
 * or `window.tronLink`. No wallet's library is loaded.
 * @param onFound called with all that are known, again for each that comes later
 */
export function discover(page: Window, onFound: (choices: TronChoice[]) => void): void {
  const choices = new Map<string, TronChoice>();
  const add = (choice: TronChoice) => {
    if (choices.has(choice.id)) return;
    choices.set(choice.id, choice);
    onFound([...choices.values()]);
  };
  page.addEventListener(ANNOUNCE, (event) => {
    const { info, provider } = (event as Event as CustomEvent<Announced>).detail ?? {};
    if (!info?.rdns || !info.name || !provider) return;
    const icon = info.icon?.startsWith("data:image/") ? info.icon : null;
    // Its library knows it by its name.
    if (info.rdns === TRONLINK.rdns && info.name === TRONLINK.name) return add(tronLink(icon));
    const open = async (onChange: () => void) => providerWallet(provider, onChange);
    add({ id: choiceId(info.rdns), name: info.name, icon, open });
  });
  page.dispatchEvent(new Event(REQUEST));

  const lookAround = () => {
    const { tron, tronLink: older } = page as Window & OldWallets;
    if (tron?.isTronLink || older) add(tronLink(null));
    else if (tron?.request && choices.size === 0) {
      const open = async (onChange: () => void) => providerWallet(tron, onChange);
      add({ id: choiceId("window.tron"), name: "Tron wallet", icon: null, open });
    }
  };
  lookAround();
  page.setTimeout(lookAround, LATER_MS);
}
