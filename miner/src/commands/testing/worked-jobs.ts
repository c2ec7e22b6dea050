import {
  ASSIGNMENT_TYPES,
  ATTESTATION_TYPES,
  aiforgeAbi,
  demoAccount,
  deployments,
  jobDomain,
  payeeOf,
} from "@aiforge/contracts";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { contractJob } from "../../../../api/src/features/jobs/terms.ts";
import { escrowBecomes, fund, jobRow } from "../../../../api/src/testing/escrows.ts";
import { fundedWallet, type TestApi } from "../../../../api/src/testing/harness.ts";
import { walletUser } from "../../../../api/src/testing/users.ts";
import { testClient } from "../../../../scripts/testing/chain.ts";

const { aiforge } = deployments[31337]!;
const OPERATOR = privateKeyToAccount(demoAccount("operator").privateKey);

/** Two jobs that a wallet did, on a real chain: one of 10 USDT that is paid, one of 20 whose client may still look. */
export async function workedJobs(api: TestApi, wallet: PrivateKeyAccount) {
  const chain = testClient(api.rpcUrl);
  const client = await walletUser(api, await fundedWallet(api.rpcUrl));
  const head = await chain.getBlock();
  const deadline = Number(head.timestamp) + 3 * 86_400;
  const [paid, reviewed] = [
    await jobRow(api, client, { state: "completed", node: wallet, deadline }),
    await jobRow(api, client, {
      state: "completed",
      node: wallet,
      deadline,
      review: true,
      price: 20_000_000n,
    }),
  ];
  await fund(api, client, paid);
  await fund(api, client, reviewed);
  const domain = jobDomain(31337, aiforge);
  const payee = payeeOf(wallet.address);
  const write = async (functionName: string, args: unknown[], from = wallet) => {
    const hash = await chain.writeContract({
      account: from,
      address: aiforge,
      abi: aiforgeAbi,
      functionName: functionName as "payJob",
      args: args as never,
    });
    await chain.waitForTransactionReceipt({ hash });
  };
  const result = `0x${"11".repeat(32)}` as const;
  const attested = await OPERATOR.signTypedData({
    domain,
    types: ATTESTATION_TYPES,
    primaryType: "Attestation",
    message: { jobId: paid.onchainId as `0x${string}`, payee, result },
  });
  await chain.setBalance({ address: wallet.address, value: 10n ** 18n });
  await write("payJob", [contractJob(paid), payee, result, attested]);
  const assignment = {
    jobId: reviewed.onchainId as `0x${string}`,
    node: wallet.address,
    payee,
    expiry: deadline,
  };
  const assigned = await OPERATOR.signTypedData({
    domain,
    types: ASSIGNMENT_TYPES,
    primaryType: "Assignment",
    message: assignment,
  });
  await write("submitJob", [contractJob(reviewed), assignment, assigned, result]);
  await escrowBecomes(api, paid, "paid");
  await escrowBecomes(api, reviewed, "submitted");
  return { paid, reviewed };
}
