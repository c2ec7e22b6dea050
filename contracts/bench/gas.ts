import {
  createPublicClient,
  createWalletClient,
  getContract,
  type Hash,
  type Hex,
  http,
  keccak256,
  maxUint256,
  slice,
  toHex,
} from "viem";
import { foundry } from "viem/chains";
import { startChain } from "../../scripts/testing/chain.ts";
import {
  accountRef,
  aiforgeAbi,
  type DemoAccount,
  demoAccount,
  deployLocal,
  modelId,
  modelSalt,
  type Split,
  splitId,
  usdtAbi,
} from "../src/index.ts";

/**
 * Gas of whole transactions (21,000 and calldata included) on a real chain with USDT as on Ethereum, when everyone
 * involved was paid before, so that no storage slot is new. `--json` prints one object of numbers as the last line.
 */
const USDT = 1_000_000n;
const TERMS = { month: 10n * USDT, sale: 0n, input: 0n, output: 0n };
const WEIGHTS = keccak256("0x01");
const ACCOUNT = accountRef("user", "9f1d8d06-5d7e-4bd5-8b42-5d3b6f5a9c11");
const WALLET = 0;
const CREDIT = 1;

const creator = demoAccount("creator").address;
const member = demoAccount("member").address;
const stranger = (position: number) => slice(keccak256(toHex(`member ${position}`)), 12);
const SPLITS = {
  1: { members: [creator], bps: [10_000] },
  3: { members: [creator, demoAccount("spare").address, member], bps: [5_000, 3_000, 2_000] },
  100: {
    members: [...Array.from({ length: 99 }, (_, position) => stranger(position)), member],
    bps: Array.from({ length: 100 }, () => 100),
  },
} satisfies Record<number, Split>;

const json = process.argv.includes("--json");
const chain = await startChain();
try {
  const gas = await measure(chain.rpcUrl);
  if (json) console.log(JSON.stringify(gas));
  else
    for (const [name, used] of Object.entries(gas))
      console.log(name.padEnd(28), used.toLocaleString("en").padStart(10));
} finally {
  await chain.stop();
}

async function measure(rpcUrl: string): Promise<Record<string, number>> {
  const { aiforge: address, usdt: usdtAddress } = await deployLocal({ rpcUrl });
  const reader = createPublicClient({ chain: foundry, transport: http(rpcUrl), pollingInterval: 10 });
  // The chain holds the demo accounts' keys, so it signs for them.
  const as = (role: DemoAccount["role"]) => {
    const wallet = createWalletClient({
      account: demoAccount(role).address,
      chain: foundry,
      transport: http(rpcUrl),
    });
    return {
      aiforge: getContract({ address, abi: aiforgeAbi, client: wallet }),
      usdt: getContract({ address: usdtAddress, abi: usdtAbi, client: wallet }),
    };
  };
  const gasOf = async (sent: Promise<Hash>) => {
    const receipt = await reader.waitForTransactionReceipt({ hash: await sent });
    if (receipt.status !== "success") throw new Error(`Reverted: ${receipt.transactionHash}`);
    return Number(receipt.gasUsed);
  };
  /** Runs an operation twice and answers the second run's gas. */
  const warm = async (operation: () => Promise<Hash>) => {
    await gasOf(operation());
    return gasOf(operation());
  };

  const gas: Record<string, number> = {};
  const { aiforge } = as("creator");
  const buyer = as("customer");
  let models = 0;
  const publish = (split: Split): [Promise<Hash>, Hex] => {
    models += 1;
    const salt = modelSalt(`00000000-0000-4000-8000-${models.toString().padStart(12, "0")}`);
    const sent = aiforge.write.publish([salt, WEIGHTS, split, TERMS, ACCOUNT, maxUint256, WALLET]);
    return [sent, modelId(creator, salt)];
  };
  await gasOf(as("creator").usdt.write.approve([address, maxUint256]));

  const [first, model] = publish(SPLITS[3]);
  gas.publish_first = await gasOf(first);
  gas.publish = await warm(() => publish(SPLITS[3])[0]);
  gas.extend_listing = await warm(() => aiforge.write.extendListing([model, 1n, ACCOUNT, WALLET]));
  gas.set_terms = await warm(() => aiforge.write.setTerms([model, TERMS]));

  gas.approve = await gasOf(buyer.usdt.write.approve([address, maxUint256]));
  const buy = (split: Split, source: number) =>
    buyer.aiforge.write.subscribe([model, 1n, TERMS.month, splitId(split), ACCOUNT, source]);
  for (const [size, split] of Object.entries(SPLITS)) {
    gas[`set_split_${size}`] = await warm(() => aiforge.write.setSplit([model, split]));
    gas[`buy_split_${size}`] = await warm(() => buy(split, WALLET));
    // The member in last place pays most to be found.
    const draw = async () => {
      await gasOf(buy(split, WALLET));
      return as("member").aiforge.write.draw([split, split.members.at(-1) as Hex]);
    };
    gas[`draw_split_${size}`] = await warm(draw);
  }

  gas.deposit = await warm(() => buyer.aiforge.write.deposit([demoAccount("customer").address, 100n * USDT]));
  await gasOf(aiforge.write.setSplit([model, SPLITS[3]]));
  gas.buy_from_credit = await warm(() => buy(SPLITS[3], CREDIT));
  gas.draw_and_withdraw_split_3 = await warm(async () => {
    await gasOf(buy(SPLITS[3], WALLET));
    return as("member").aiforge.write.drawAndWithdraw([SPLITS[3], member]);
  });
  gas.withdraw = await warm(() => buyer.aiforge.write.withdraw([demoAccount("customer").address, USDT]));
  gas.withdraw_for = await gasOf(as("spare").aiforge.write.withdrawFor([member]));
  return gas;
}
