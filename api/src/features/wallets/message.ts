import { showTronAddress } from "@aiforge/contracts";
import { getAddress } from "viem";
import { createSiweMessage, parseSiweMessage } from "viem/siwe";
import type { Chain } from "../../chain/chains.ts";

export interface MessageFields {
  site: URL;
  address: `0x${string}`;
  nonce: string;
  issuedAt: Date;
  expiresAt: Date;
  statement: string;
}

/**
 * The text for a wallet to sign: EIP-4361 on EVM chains, and the same in Tron's terms (CAIP-122) on Tron, where wallets
 * show their address as base58 and a chain's id is hexadecimal.
 */
export function messageFor(chain: Chain, fields: MessageFields): string {
  const { site, address, nonce, issuedAt, expiresAt, statement } = fields;
  if (chain.namespace === "tron") {
    return [
      `${site.origin} wants you to sign in with your Tron account:`,
      showTronAddress(address),
      "",
      statement,
      "",
      `URI: ${site.origin}`,
      "Version: 1",
      `Chain ID: ${chain.chain.slice("tron:".length)}`,
      `Nonce: ${nonce}`,
      `Issued At: ${issuedAt.toISOString()}`,
      `Expiration Time: ${expiresAt.toISOString()}`,
    ].join("\n");
  }
  return createSiweMessage({
    scheme: site.protocol.slice(0, -1),
    domain: site.host,
    uri: site.origin,
    address: getAddress(address),
    chainId: chain.chainId,
    nonce,
    issuedAt,
    expirationTime: expiresAt,
    statement,
    version: "1",
  });
}

const TRON_HEAD =
  /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?<domain>[^\s/]+) wants you to sign in with your Tron account:\nT[1-9A-HJ-NP-Za-km-z]{33}\n/i;
const TRON_NONCE = /\nNonce: (?<nonce>[A-Za-z0-9]{8,})\n/;

/** What of a signed text is looked at before the one that was handed out is compared with it; null for another text. */
export function readMessage(message: string): { domain: string | undefined; nonce: string } | null {
  const tron = TRON_HEAD.exec(message)?.groups;
  if (tron) {
    const nonce = TRON_NONCE.exec(message)?.groups?.nonce;
    return nonce ? { domain: tron.domain, nonce } : null;
  }
  const { domain, nonce, address } = parseSiweMessage(message);
  return nonce && address ? { domain, nonce } : null;
}
