import { showTronAddress } from "@aiforge/contracts";

/** An address in a text for people: base58 on Tron, as it is elsewhere. @param chain CAIP-2 */
export const showAddress = (chain: string, address: string): string =>
  chain.startsWith("tron:") ? showTronAddress(address as `0x${string}`) : address;
