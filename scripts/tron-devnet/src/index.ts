export type { Refused, Reorg } from "./chain/chain.ts";
export { ChainFileError } from "./chain/chainFile.ts";
export { BroadcastError, ControlError } from "./chain/errors.ts";
export {
  DEVNET_CHAIN_ID,
  startTronDevnet,
  type TronDevnet,
  type TronDevnetOptions,
} from "./devnet.ts";
export { FAUCET } from "./faucet.ts";
export type { Backend } from "./http/backend.ts";
export type { Fault, FaultKind } from "./http/faults.ts";
