/** The codes with which a node refuses a transaction. */
export type BroadcastCode =
  | "SIGERROR"
  | "DUP_TRANSACTION_ERROR"
  | "TAPOS_ERROR"
  | "TRANSACTION_EXPIRATION_ERROR"
  | "TOO_BIG_TRANSACTION_ERROR"
  | "BANDWITH_ERROR"
  | "CONTRACT_VALIDATE_ERROR"
  | "SERVER_BUSY";

/** A node would not take this transaction, for the reason that its code names. */
export class BroadcastError extends Error {
  override name = "BroadcastError";
  readonly code: BroadcastCode;
  constructor(code: BroadcastCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A control or an option was asked for what the chain cannot do. Nothing was changed. */
export class ControlError extends Error {
  override name = "ControlError";
}

/** The most blocks that one control makes, moves or hides. */
export const MAX_COUNT = 100_000;

/** @throws {ControlError} if it is not a whole number within the limits */
export function requireWhole(name: string, value: number, min: number, max = MAX_COUNT) {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new ControlError(`${name} is a whole number from ${min} to ${max}, not ${value}`);
}
