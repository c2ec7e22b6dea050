import { MAX_FEE_LIMIT } from "../chain/contracts.ts";
import {
  ACTIVATION_BANDWIDTH_FEE,
  ACTIVATION_FEE,
  BANDWIDTH_PRICE,
  FREE_BANDWIDTH,
  freeBandwidthUsed,
} from "../chain/fees.ts";
import { nodeAddress, parseAddress } from "../protocol/address.ts";
import type { JsonObject } from "../protocol/json.ts";
import { readAccount } from "../vm/accounts.ts";
import { ENERGY_PRICE } from "../vm/evm.ts";
import { addressParam, type Handler, type Question } from "./request.ts";

/** The questions about accounts, contracts and the chain as a whole. */
export const accountHandlers: Record<string, Handler> = {
  getaccount: ({ params, view, solid }) => {
    const address = addressParam(params, "address");
    return view.at(solid, (state) => {
      const account = readAccount(state, address);
      if (!account) return {};
      return {
        address: nodeAddress(address),
        ...(account.balance > 0n && { balance: Number(account.balance) }),
        ...(account.codeHash && { type: "Contract" }),
        create_time: account.created,
        ...(account.netUsed > 0 && {
          free_net_usage: account.netUsed,
          latest_consume_free_time: account.netAt,
        }),
      };
    });
  },

  getaccountresource: (question) => resources(question),
  getaccountnet: (question) => resources(question),

  getcontract: ({ params, view, solid }) => {
    const address = addressParam(params, "value");
    return view.at(solid, (state) => {
      const known = state.get(`m${address}`);
      return known ? (JSON.parse(known) as JsonObject) : {};
    });
  },

  getcontractinfo: ({ params, view, solid }) => {
    const address = addressParam(params, "value");
    return view.at(solid, (state) => {
      const known = state.get(`m${address}`);
      if (!known) return {};
      return { smart_contract: JSON.parse(known) as JsonObject, runtimecode: state.get(`c${address}`) };
    });
  },

  validateaddress: ({ params }) => {
    const valid = parseAddress(params.address) !== null;
    return { result: valid, message: valid ? "Valid address" : "Invalid address" };
  },

  getchainparameters: () => ({
    chainParameter: Object.entries({
      getMaintenanceTimeInterval: 21_600_000,
      getTransactionFee: Number(BANDWIDTH_PRICE),
      getCreateAccountFee: Number(ACTIVATION_BANDWIDTH_FEE),
      getCreateNewAccountFeeInSystemContract: Number(ACTIVATION_FEE),
      getEnergyFee: Number(ENERGY_PRICE),
      getFreeNetLimit: FREE_BANDWIDTH,
      getMaxFeeLimit: Number(MAX_FEE_LIMIT),
      getAllowTvmCancun: 1,
    }).map(([key, value]) => ({ key, value })),
  }),

  getenergyprices: () => ({ prices: `0:${ENERGY_PRICE}` }),
  getbandwidthprices: () => ({ prices: `0:${BANDWIDTH_PRICE}` }),
  listnodes: () => ({ nodes: [] }),

  getnodeinfo: ({ view }) => {
    const of = (height: number) => `Num:${height},ID:${view.chain.ledger.idHex(height)}`;
    return {
      beginSyncNum: view.head,
      block: of(view.head),
      solidityBlock: of(view.solid),
      currentConnectCount: 0,
      activeConnectCount: 0,
      passiveConnectCount: 0,
      configNodeInfo: { codeVersion: "tron-devnet" },
    };
  },
};

function resources({ params, view, solid }: Question) {
  const address = addressParam(params, "address");
  const { time } = view.chain.ledger.header(view.top(solid));
  return view.at(solid, (state) => {
    if (!readAccount(state, address)) return {};
    const used = freeBandwidthUsed(state, address, time);
    return { freeNetLimit: FREE_BANDWIDTH, ...(used > 0 && { freeNetUsed: used }) };
  });
}
