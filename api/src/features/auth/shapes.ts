import { z } from "@hono/zod-openapi";

/** An EVM address in any letter case; comes out lower-case, as everywhere in the api and the mirror. */
export const addressSchema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "not an address: 0x and 40 hexadecimal digits")
  .toLowerCase()
  .transform((text) => text as `0x${string}`)
  .openapi({ type: "string", example: "0x90f79bf6eb2c4f870365e785982e1f101e93b906" });

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
    address: z.string(),
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

/** A message to sign (EIP-4361) and until when. */
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
