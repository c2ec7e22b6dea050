import { aiforgeCall, type Call, FROM_WALLET } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import type { UnquotedPayment } from "./events.ts";

/** The call that bought what an event says, as from the payer's wallet. */
export function unquotedCall(chain: Chain, event: UnquotedPayment["event"]): Call {
  const item = event.onchainId as `0x${string}`;
  const split = event.splitId as `0x${string}`;
  const account = event.account as `0x${string}`;
  const { months, amount } = event;
  switch (event.purpose) {
    case "service":
      return aiforgeCall(chain, "subscribe", [item, months, amount, split, account, FROM_WALLET]);
    case "license":
      return aiforgeCall(chain, "buyLicense", [item, amount, split, account, FROM_WALLET]);
    case "plan":
      return aiforgeCall(chain, "buyPlan", [Number(event.onchainId), months, amount, account, FROM_WALLET]);
    case "usage":
      // The cap is not in the mirror's event; more of the same would be as much a day again.
      return aiforgeCall(chain, "depositUsage", [account, amount, amount, FROM_WALLET]);
    default:
      return aiforgeCall(chain, "extendListing", [item, months, account, FROM_WALLET]);
  }
}
