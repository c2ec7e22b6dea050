export { type Account, accountRef, InvalidUuidError, modelSalt, parseAccountRef } from "./accountRef.ts";
export { isAiforgeCode } from "./aiforgeCode.ts";
export { type Audit, type AuditOptions, auditMonth, type Check } from "./audit/audit.ts";
export { type ChainRecord, type PostedRoot, readChainRecord } from "./audit/chainRecord.ts";
export { ChainRefusedError, type ReadOptions, type ReadProgress } from "./audit/logs.ts";
export { type Month, postOf, readEarlier, readMonth, takenUpWrongly } from "./audit/month.ts";
export { aiforgeAbi } from "./compiled/aiforgeAbi.ts";
export { aiforgeBytecode } from "./compiled/aiforgeBytecode.ts";
export { tetherEthereumBytecode } from "./compiled/tetherEthereumBytecode.ts";
export { tetherTronBytecode } from "./compiled/tetherTronBytecode.ts";
export { usdtAbi } from "./compiled/usdtAbi.ts";
export { contentCid } from "./contentCid.ts";
export { DEMO_ACCOUNTS, type DemoAccount, demoAccount } from "./demoAccounts.ts";
export { demoDeployData } from "./demoDeployment.ts";
export { deployLocal, LocalDeployError } from "./deployLocal.ts";
export { type Deployment, deployments, LOCAL_CHAIN_ID, LOCAL_TRON_ID } from "./deployments.ts";
export {
  claimOf,
  type Distribution,
  distribute,
  type PlanPurchase,
  poolPart,
  purchasesOfMonth,
} from "./distribution.ts";
export {
  type DistributionInputs,
  MAX_INPUTS_BYTES,
  parseInputs,
  serializeInputs,
} from "./distributionInputs.ts";
export { extendPeriod } from "./extendPeriod.ts";
export { FEES } from "./fees.ts";
export { InputsError } from "./inputsFields.ts";
export {
  ASSIGNMENT_TYPES,
  ATTESTATION_TYPES,
  assertJobSpecification,
  canonicalJson,
  isContentCid,
  isImageDigest,
  JOB_LIMITS,
  type Job,
  type JobInput,
  type JobResult,
  type JobSpecification,
  JobSpecificationError,
  jobCommandProblem,
  jobDomain,
  jobEnvProblem,
  jobIdOf,
  jobPathClash,
  jobPathProblem,
  payeeOf,
  resultHash,
  specificationHash,
} from "./jobSpecification.ts";
export { modelId } from "./modelId.ts";
export { LAST_MONTH, MonthError, monthIndex, monthOf, monthStart, monthText } from "./month.ts";
export { PERMIT2, PURCHASE_KINDS, PURCHASE_TYPES } from "./permit2.ts";
export { assertSplit, MAX_MEMBERS, type Split, SplitError, type SplitErrorCode, splitId } from "./split.ts";
export { showTronAddress, TronAddressError, tronAddress } from "./tronAddress.ts";
export { AmountError, type AmountErrorCode, formatUsdt, MAX_PRICE, MAX_UINT256, parseUsdt } from "./usdt.ts";
