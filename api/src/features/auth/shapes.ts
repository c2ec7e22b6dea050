import { TronAddressError, tronAddress } from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";

/** The 20 bytes of an address as 0x and lower case, whatever form it came in; null for what is none. */
export function addressIn(text: string): `0x${string}` | null {
  if (/^0x[0-9a-f]{40}$/i.test(text)) return text.toLowerCase() as `0x${string}`;
  if (!/^(T.{33}|41.{40})$/.test(text)) return null;
  try {
    return tronAddress(text);
  } catch (error) {
    if (error instanceof TronAddressError) return null;
    throw error;
  }
}

/**
 * An address in any letter case, or in one of Tron's forms (`T…` with its checksum, `41…`); comes out 0x and lower-case,
 * as everywhere in the api and the mirror.
 */
export const addressSchema = z
  .string()
  .transform((text, context) => {
    const address = addressIn(text);
    if (address) return address;
    context.addIssue(
      "not an address: 0x and 40 hexadecimal digits, or on Tron T and 33 characters with their checksum",
    );
    return z.NEVER;
  })
  .openapi({ type: "string", example: "0x90f79bf6eb2c4f870365e785982e1f101e93b906" });

/** A wallet and its chain: one of the two names of the chain is needed. */
export const walletOnChain = z.object({
  address: addressSchema.describe("0x…, or in one of Tron's forms: T… or 41…"),
  chain: z.string().max(64).optional().describe("CAIP-2, e.g. eip155:1 or tron:0x2b6653dc"),
  chainId: z.int().positive().optional().describe("The chain's number, where `chain` is left out"),
});

export const emailSchema = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .pipe(z.email())
  .openapi({ type: "string", format: "email", example: "ada@example.org" });

export const walletSchema = z
  .object({
    id: z.string().describe("CAIP-10 account id").openapi({ example: "eip155:31337:0x90f79bf6…" }),
    address: z.string().describe("0x and lower case, also of a wallet on Tron"),
    chain: z.string().describe("CAIP-2 chain id"),
    linkedAt: z.iso.datetime(),
  })
  .openapi("Wallet");

export const userSchema = z
  .object({
    id: z.uuid(),
    email: z.string().nullable().describe("Null for an account made by a wallet"),
    name: z.string(),
    wallets: z.array(walletSchema),
  })
  .openapi("User");

/** A message to sign and until when. */
export const challengeSchema = z
  .object({ message: z.string(), nonce: z.string(), expiresAt: z.iso.datetime() })
  .openapi("WalletChallenge");

/** A challenge as it was handed out, and what the wallet made of it. */
export const signedSchema = z.object({
  message: z.string().min(1).max(4_000),
  // Contract wallets sign with bytes of any length; ERC-6492 wraps deployment data around them.
  signature: z
    .string()
    .max(20_000)
    .regex(/^0x([0-9a-fA-F]{2})+$/, "not a signature: 0x and hexadecimal digits")
    .transform((text) => text as `0x${string}`)
    .openapi({ type: "string" }),
});
