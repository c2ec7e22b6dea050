import { createClient, createConfig, createJob, walletAuthMessage, walletLogin } from "@aiforge/api/client";
import { aiforgeAbi, demoAccount, deployments, LOCAL_CHAIN_ID, usdtAbi } from "@aiforge/contracts";
import { encodeFunctionData, type Hex, keccak256, maxUint256 } from "viem";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { CHAIN, type House } from "./house.ts";
import { until } from "./until.ts";

const { aiforge, usdt } = deployments[LOCAL_CHAIN_ID]!;
const GWEI = 10n ** 9n;

/** In micro-USDT. */
export const PRICE = 1_000_000n;

/**
 * What the container does. It puts out a file, or fails. One that is to be caught at work waits for a file that the test
 * puts where the container finds it.
 */
const PROGRAM = `
const { existsSync, writeFileSync } = require("node:fs");
const end = () => {
  if (process.env.FAIL) process.exit(3);
  writeFileSync("/out/result.txt", "the result of " + process.env.AIFORGE_JOB_ID);
};
if (process.env.HOLD) {
  const look = setInterval(() => { if (existsSync("/in/go")) { clearInterval(look); end(); } }, 50);
} else end();`;

export interface OrderOptions {
  /** The container ends with 3. */
  fails?: boolean;
  /** The container goes on until it is let go. */
  holds?: boolean;
  retries?: number;
}

export interface Order {
  id: string;
  onchainId: Hex;
  /** The transaction that funds it, once it is signed. */
  call: { to: Hex; data: Hex };
}

/** Who orders jobs and pays for them, with a wallet that sends again what the chain lost. */
export class Customer {
  readonly account: PrivateKeyAccount;
  readonly #house: House;
  readonly #headers: { authorization: string };
  /** Every transaction so far, in order. */
  readonly #sent: Hex[] = [];
  #nonce: number;

  private constructor(house: House, account: PrivateKeyAccount, token: string, nonce: number) {
    this.#house = house;
    this.account = account;
    this.#headers = { authorization: `Bearer ${token}` };
    this.#nonce = nonce;
  }

  static async signIn(house: House): Promise<Customer> {
    const account = privateKeyToAccount(demoAccount("customer").privateKey);
    const client = createClient(createConfig({ baseUrl: house.place.apiUrl }));
    const { address } = account;
    const asked = await walletAuthMessage({ client, query: { address, chainId: LOCAL_CHAIN_ID } });
    const message = asked.data?.message ?? "";
    const body = { message, signature: await account.signMessage({ message }) };
    const { data } = await walletLogin({ client, body });
    if (!data) throw new Error("The customer could not sign in");
    const nonce = await house.chain.getTransactionCount({ address });
    const customer = new Customer(house, account, data.token, nonce);
    await customer.#mined(
      await customer.#send({
        to: usdt,
        data: encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [aiforge, maxUint256] }),
      }),
    );
    return customer;
  }

  /** Orders a job by any instance of the api; one that is just coming back is asked again, as it asks for. */
  order(options: OrderOptions = {}, apiUrl?: string): Promise<Order> {
    return until("An order is taken", () => this.#order(options, apiUrl), { everyMs: 500 });
  }

  async #order({ fails, holds, retries = 3 }: OrderOptions, apiUrl?: string): Promise<Order> {
    const client = createClient(
      createConfig({ baseUrl: apiUrl ?? this.#house.place.apiUrl, headers: this.#headers }),
    );
    const { data, error } = await createJob({
      client,
      body: {
        name: "A job",
        price: "1.00",
        chain: CHAIN,
        wallet: this.account.address,
        spec: {
          version: 1,
          image: "localhost/node:1",
          command: ["node", "-e", PROGRAM],
          env: { ...(fails && { FAIL: "1" }), ...(holds && { HOLD: "1" }) },
          inputs: [],
          outputLimitMb: 1,
          cpuMillis: 100,
          memoryMb: 128,
          gpus: 0,
          diskMb: 16,
          timeLimitSeconds: 600,
          network: false,
          retries,
          engineModelId: null,
          review: false,
        },
      },
    });
    const call = data?.payment?.call;
    if (!data || !call) throw new Error(`The order was refused: ${JSON.stringify(error)}`);
    return {
      id: data.id,
      onchainId: data.onchainId as Hex,
      call: { to: call.to as Hex, data: call.data as Hex },
    };
  }

  /** Pays for an order, and waits until that is mined. */
  async fund({ call }: Order): Promise<void> {
    await this.#mined(await this.#send(call));
  }

  /** Sends again what a chain that was killed has forgotten, as wallets do. */
  async sendAgain(): Promise<void> {
    for (const raw of this.#sent) {
      const receipt = await this.#house.chain
        .getTransactionReceipt({ hash: keccak256(raw) })
        .catch(() => null);
      if (!receipt)
        await this.#house.chain.sendRawTransaction({ serializedTransaction: raw }).catch(() => {});
    }
  }

  /** What it has in the wallet and as credit in the contract, in micro-USDT. */
  async wealth(): Promise<bigint> {
    const args = [this.account.address] as const;
    const { chain } = this.#house;
    const [wallet, credit] = await Promise.all([
      chain.readContract({ address: usdt, abi: usdtAbi, functionName: "balanceOf", args }),
      chain.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "creditOf", args }),
    ]);
    return wallet + credit;
  }

  async #send({ to, data }: { to: Hex; data: Hex }): Promise<Hex> {
    const nonce = this.#nonce;
    this.#nonce += 1;
    const raw = await this.account.signTransaction({
      type: "eip1559",
      chainId: LOCAL_CHAIN_ID,
      nonce,
      to,
      data,
      gas: 500_000n,
      maxFeePerGas: 20n * GWEI,
      maxPriorityFeePerGas: GWEI,
    });
    this.#sent.push(raw);
    await this.#house.chain.sendRawTransaction({ serializedTransaction: raw });
    return keccak256(raw);
  }

  async #mined(hash: Hex): Promise<void> {
    const receipt = await until(`The transaction ${hash} is mined`, () =>
      this.#house.chain.getTransactionReceipt({ hash }),
    );
    if (receipt.status !== "success") throw new Error(`The transaction ${hash} reverted`);
  }
}
