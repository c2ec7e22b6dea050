import { createPublicClient, custom, type Hex, isAddressEqual, recoverAddress } from "viem";
import type { Chain } from "./chains.ts";
import { readChain } from "./read.ts";
import { isRevert } from "./revert.ts";

interface Signed {
  address: Hex;
  hash: Hex;
  signature: Hex;
}

/**
 * Whether a wallet of an EVM chain signed a hash. Key-held wallets are recovered here; contract wallets (ERC-1271,
 * ERC-6492), which decide themselves what their signature is, are asked on their chain.
 * @throws AppError `chain_unavailable` (503) when the chain does not tell
 */
export async function hasSigned(chain: Chain, signed: Signed): Promise<boolean> {
  const { address, hash, signature } = signed;
  const signer = await recoverAddress({ hash, signature }).catch(() => null);
  if (signer && isAddressEqual(signer, address)) return true;
  return readChain(chain, () => askWallet(chain, signed), { blame: false });
}

/** viem takes a node that refuses the question for a wallet that says no, so what the node said is kept here. */
async function askWallet({ client }: Chain, signed: Signed): Promise<boolean> {
  let refusal: unknown;
  const request = (question: Parameters<typeof client.request>[0]) =>
    client.request(question).catch((error: unknown) => {
      if (!isRevert(error)) refusal = error;
      throw error;
    });
  const asking = createPublicClient({ transport: custom({ request }, { retryCount: 0 }), ccipRead: false });
  const valid = await asking.verifyHash(signed).catch(() => false);
  if (!valid && refusal) throw refusal;
  return valid;
}
