import type { Chain } from "../chain/chain.ts";
import type { State } from "../vm/state.ts";

/** The chain as one node knows it: up to a height that may lag behind. */
export class View {
  readonly chain: Chain;
  /** Blocks that this node has not heard of yet. */
  lag = 0;

  constructor(chain: Chain) {
    this.chain = chain;
  }

  get head(): number {
    return Math.max(0, this.chain.ledger.head - this.lag);
  }

  /** What cannot be replaced any more, as this node knows it. */
  get solid(): number {
    return this.chain.ledger.header(this.head).solid;
  }

  /** The newest block that a question is answered from. */
  top(solid: boolean): number {
    return solid ? this.solid : this.head;
  }

  /** Reads the state at {@link top}. */
  at<T>(solid: boolean, work: (state: State) => Promise<T> | T): Promise<T> {
    return this.chain.at(this.top(solid), work);
  }
}
