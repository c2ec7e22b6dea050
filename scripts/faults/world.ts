import { type Address, getAddress, type Hex } from "viem";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { containersOf, type End, expectEnd } from "./books.ts";
import { Customer, type Order, type OrderOptions } from "./customer.ts";
import { Gates } from "./gates.ts";
import type { House, MinerOptions } from "./house.ts";
import { until } from "./until.ts";

/** The house, who orders in it, and what was ordered so far. */
export class World {
  readonly house: House;
  readonly gates: Gates;
  readonly orders = new Map<Order, End>();
  /** Wallets of all nodes. */
  readonly wallets = new Set<Address>();
  customer!: Customer;
  /** What the customer had at the beginning, in micro-USDT. */
  wealth = 0n;

  constructor(house: House) {
    this.house = house;
    this.gates = new Gates(house);
  }

  async open(): Promise<void> {
    await this.gates.install();
    this.customer = await Customer.signIn(this.house);
    this.wealth = await this.customer.wealth();
  }

  async close(): Promise<void> {
    await this.gates.open();
    await this.house.close();
  }

  /** Orders a job and pays for it. @param gate what is shut before */
  async begin(options: OrderOptions, end: End, gate: string | null = null, apiUrl?: string): Promise<Order> {
    const order = await this.customer.order(options, apiUrl);
    this.orders.set(order, end);
    if (gate) await this.gates.shut(order.id, gate);
    await this.customer.fund(order);
    return order;
  }

  /** Waits until the container of a job is at work. */
  async running({ id }: Order): Promise<void> {
    await until(`Job ${id} is running`, async () => {
      const [row] = await this.house.rows<{ state: string }>("SELECT state FROM app.jobs WHERE id = $1", [
        id,
      ]);
      return row?.state === "running" && (await containersOf(this.house, id)).length === 1;
    });
  }

  /** Waits for a job's legal end. @returns the wallet of the node that did it; null for none */
  async ended(order: Order): Promise<Address | null> {
    return expectEnd(this.house, this.customer, order, this.orders.get(order) as End);
  }

  /** A node that comes to the house, and takes jobs when this resolves. */
  async node(name: string, options: MinerOptions = {}): Promise<{ wallet: Address; key: Hex }> {
    const key = options.key ?? generatePrivateKey();
    const wallet = privateKeyToAddress(key);
    this.wallets.add(getAddress(wallet));
    this.house.addMiner(name, { ...options, key });
    await this.house.nodeReady(wallet);
    return { wallet, key };
  }

  /** Attempts of a job, the first first. */
  attempts({ id }: Order): Promise<{ id: string; state: string; address: string }[]> {
    return this.house.rows(
      `SELECT attempt.id, attempt.state, node.address FROM app.job_attempts attempt
         JOIN app.nodes node ON node.id = attempt.node_id WHERE job_id = $1 ORDER BY no`,
      [id],
    );
  }
}
