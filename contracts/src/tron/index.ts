export { type TronHead, tronHead } from "./blocks.ts";
export {
  readTronEvents,
  readTronPage,
  readTronPlace,
  type TronEventPage,
  type TronEventPlace,
  type TronList,
  tronEventList,
  tronEventsSince,
  tronPages,
} from "./events.ts";
export { estimateTronFee, estimateTronFees, type TronFee } from "./fee.ts";
export { type TronLostProgress, tronLost } from "./lost.ts";
export { recoverTronMessage, tronMessageHash } from "./message.ts";
export { type AskTron, askTron, type TronJson, type TronNodeOptions, tronNode } from "./node.ts";
export {
  broadcastTron,
  buildTronCall,
  buildTronTransfer,
  type SignedTronTransaction,
  TronBroadcastError,
  type TronCall,
  type TronTransaction,
} from "./transaction.ts";
export { resultOf as tronResult, transactionInfo as tronInfo } from "./transactions.ts";
export { isTronClient, type TronTransportOptions, tronTransport } from "./transport.ts";
