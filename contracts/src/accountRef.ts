import type { Hex } from "viem";

/** Who a purchase is for: a user or a group of the platform, by its UUID. */
export interface Account {
  kind: "user" | "group";
  id: string;
}

/** The id is not a UUID in its canonical form. */
export class InvalidUuidError extends Error {
  override name = "InvalidUuidError";
  constructor(value: unknown) {
    super(`Not a UUID: ${JSON.stringify(value)}`);
  }
}

const PREFIXES = { user: "01", group: "02" } as const;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The `bytes32 account` of a purchase: a byte for the kind, 15 zero bytes, the 16 bytes of the UUID.
 * @throws {InvalidUuidError}
 */
export function accountRef(kind: Account["kind"], id: string): Hex {
  return `0x${PREFIXES[kind]}${"00".repeat(15)}${uuidHex(id)}`;
}

/** The account that a reference names, or null: anyone may write any 32 bytes on chain. */
export function parseAccountRef(ref: string): Account | null {
  const match = /^0x(01|02)0{30}([0-9a-f]{32})$/i.exec(ref);
  if (!match) return null;
  return { kind: match[1] === PREFIXES.user ? "user" : "group", id: hexUuid(match[2] as string) };
}

/**
 * The salt under which a model is published: its UUID, left-padded to 32 bytes.
 * @throws {InvalidUuidError}
 */
export function modelSalt(id: string): Hex {
  return `0x${"00".repeat(16)}${uuidHex(id)}`;
}

function uuidHex(id: string): string {
  if (typeof id !== "string" || !UUID.test(id)) throw new InvalidUuidError(id);
  return id.replaceAll("-", "").toLowerCase();
}

function hexUuid(hex: string): string {
  return hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
