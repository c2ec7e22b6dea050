export type { Refused, Reorg } from "./chain/chain.ts";
export { BroadcastError, ControlError } from "./chain/errors.ts";
export {
  DEVNET_CHAIN_ID,
  FAUCET,
  startTronDevnet,
  type TronDevnet,
  type TronDevnetOptions,
} from "./devnet.ts";
export type { Backend } from "./http/backend.ts";
