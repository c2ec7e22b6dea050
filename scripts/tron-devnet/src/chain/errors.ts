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

/** A control was asked for what the chain cannot do. */
export class ControlError extends Error {
  override name = "ControlError";
}
