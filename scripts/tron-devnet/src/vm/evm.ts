import { createCustomCommon, Hardfork, Mainnet } from "@ethereumjs/common";
import { EVM, type EVMResult, type EVMRunCallOpts, type Message, NobleBN254 } from "@ethereumjs/evm";
import { Address as EvmAddress } from "@ethereumjs/util";
import { type Address, addressBytes } from "../protocol/address.ts";
import { keccak256 } from "../protocol/crypto.ts";
import { fromHex, toHex } from "../protocol/hex.ts";
import { EvmState } from "./evmState.ts";
import type { State } from "./state.ts";

/** Sun for one unit of energy. */
export const ENERGY_PRICE = 100n;

/** The block in which something runs. */
export interface BlockContext {
  number: number;
  /** Milliseconds since 1970. */
  time: number;
  witness: Address;
}

/** What to run: a call, or without `to` the deployment of `data`. */
export interface Run {
  transactionId: string;
  caller: Address;
  to?: Address;
  /** Sun. */
  value: bigint;
  data: Uint8Array;
  /** The most energy that it may use. */
  energyLimit: bigint;
  block: BlockContext;
}

export interface Outcome {
  /** Tron's name for how it ended. */
  result: string;
  /** Why it failed, for people; empty after a success. */
  message: string;
  energy: bigint;
  returned: Uint8Array;
  logs: { address: Address; topics: string[]; data: string }[];
  /** The contract that was called or deployed. */
  contract: Address;
}

/** An EVM that derives addresses as Tron's does, and shows contracts what they read on Tron. */
export class TronEvm {
  readonly #state: State;
  readonly #evmState: EvmState;
  readonly #create: () => TronAddressesEvm;
  #evm: TronAddressesEvm;

  /** @param blockId of a height, 32 bytes: what BLOCKHASH reads */
  constructor(state: State, chainId: number, blockId: (height: number) => Uint8Array) {
    const blockchain = {
      getBlock: async (height: number) => ({ hash: () => blockId(height) }),
      putBlock: async () => {},
      shallowCopy: () => blockchain,
    };
    this.#state = state;
    this.#evmState = new EvmState(state);
    this.#create = () =>
      new TronAddressesEvm({
        common: createCustomCommon({ chainId, name: "tron-devnet" }, Mainnet, { hardfork: Hardfork.Osaka }),
        stateManager: this.#evmState,
        blockchain,
        bn254: new NobleBN254(),
        // The fee limit is what bounds a contract's size on Tron.
        allowUnlimitedContractSize: true,
        allowUnlimitedInitCodeSize: true,
      });
    this.#evm = this.#create();
  }

  /** Runs on the current state. After a failure the state is as before. */
  async run(run: Run): Promise<Outcome> {
    const depth = this.#state.checkpoint();
    try {
      const outcome = await this.#run(run);
      this.#state.commit();
      return outcome;
    } catch (error) {
      // Something that this EVM cannot do, such as the KZG precompile. It may be left in the middle of a call.
      this.#state.revertTo(depth);
      this.#evm = this.#create();
      return {
        result: "UNKNOWN",
        message: error instanceof Error ? error.message : String(error),
        energy: run.energyLimit,
        returned: new Uint8Array(),
        logs: [],
        contract: run.to ?? "00".repeat(20),
      };
    }
  }

  async #run(run: Run): Promise<Outcome> {
    const { block } = run;
    this.#evm.transactionId = fromHex(run.transactionId) as Uint8Array;
    this.#evm.internalCalls = 0n;
    this.#evmState.time = block.time;
    const { createdAddress, execResult } = await this.#evm.runCall({
      caller: evmAddress(run.caller),
      to: run.to === undefined ? undefined : evmAddress(run.to),
      value: run.value,
      data: run.data,
      gasLimit: run.energyLimit,
      gasPrice: ENERGY_PRICE,
      block: {
        header: {
          number: BigInt(block.number),
          timestamp: BigInt(Math.floor(block.time / 1000)),
          coinbase: evmAddress(block.witness),
          // DIFFICULTY and GASLIMIT read 0 on Tron; BASEFEE is the price of energy.
          difficulty: 0n,
          prevRandao: new Uint8Array(32),
          gasLimit: 0n,
          baseFeePerGas: ENERGY_PRICE,
          getBlobGasPrice: () => undefined,
        },
      },
    });
    this.#evm.journal.cleanJournal();
    this.#evmState.clearCaches();
    if (!execResult.exceptionError) {
      for (const address of execResult.selfdestruct?.keys() ?? []) {
        if (execResult.createdAddresses?.has(address)) {
          await this.#evmState.deleteAccount(evmAddress(address.slice(2)));
        }
      }
    }
    const { result, message } = nameOf(execResult.exceptionError?.error, run.energyLimit);
    return {
      result,
      message,
      energy: execResult.executionGasUsed,
      returned: execResult.returnValue,
      contract: run.to ?? (createdAddress ? toHex(createdAddress.bytes) : ""),
      logs: (execResult.logs ?? []).map(([address, topics, data]) => ({
        address: toHex(address),
        topics: topics.map(toHex),
        data: toHex(data),
      })),
    };
  }
}

/** Tron's names for the ways to fail, by the EVM's. */
const FAILURES: Record<string, [result: string, message: string]> = {
  revert: ["REVERT", "REVERT opcode executed"],
  "out of gas": ["OUT_OF_ENERGY", "Not enough energy for the operation"],
  "code store out of gas": ["OUT_OF_ENERGY", "Not enough energy to save the code"],
  "invalid opcode": ["ILLEGAL_OPERATION", "Invalid operation code"],
  "invalid JUMP": ["BAD_JUMP_DESTINATION", "Operation with pc isn't 'JUMPDEST'"],
  "stack underflow": ["STACK_TOO_SMALL", "Expected stack size is larger"],
  "stack overflow": ["STACK_TOO_LARGE", "Expected: overflow 1024 elements stack limit"],
  "insufficient balance": ["TRANSFER_FAILED", "transfer trx failed: the balance is not sufficient"],
  "create collision": ["UNKNOWN", "Trying to create a contract with existing contract address"],
};

function nameOf(error: string | undefined, energyLimit: bigint): { result: string; message: string } {
  if (error === undefined) return { result: "SUCCESS", message: "" };
  // The place of a bad jump is told after its name.
  const [result, message] = FAILURES[error.split(" at ")[0] as string] ?? ["UNKNOWN", error];
  return {
    result,
    message: result === "OUT_OF_ENERGY" ? `${message}: energyLimit[${energyLimit}]` : message,
  };
}

const evmAddress = (address: Address) => new EvmAddress(fromHex(address) as Uint8Array);

/**
 * Tron derives a contract's address from the transaction, not from a nonce.
 * Source: java-tron, `WalletUtil.generateContractAddress` and `generateContractAddress2`.
 */
class TronAddressesEvm extends EVM {
  transactionId: Uint8Array = new Uint8Array(32);
  internalCalls = 0n;
  #internalNonce = 0n;

  override runCall(options: EVMRunCallOpts): Promise<EVMResult> {
    // Each call within a transaction has a number of its own, except of a precompile; what is created there is named
    // after it.
    const { message } = options;
    if (message && message.depth > 0 && !this.#isPrecompile(message)) {
      this.#internalNonce = this.internalCalls++;
    }
    return super.runCall(options);
  }

  #isPrecompile(message: Message): boolean {
    return message.to !== undefined && this.getPrecompile(message.codeAddress) !== undefined;
  }

  protected override async _generateAddress(message: Message): Promise<EvmAddress> {
    return new EvmAddress(this.#derive(message).subarray(12));
  }

  #derive({ depth, caller, salt, code }: Message): Uint8Array {
    const creator = addressBytes(toHex(caller.bytes));
    if (salt) return keccak256(creator, salt, keccak256(code as Uint8Array));
    if (depth === 0) return keccak256(this.transactionId, creator);
    const nonce = Buffer.alloc(8);
    nonce.writeBigInt64BE(this.#internalNonce);
    return keccak256(this.transactionId, nonce);
  }
}
