import { expect, it } from "vitest";
import { TronStand } from "./tron.ts";
import { bodyOf, send } from "./users.ts";

it("serves a Tron chain beside the other, mirrored", async () => {
  const stand = await TronStand.open();
  try {
    const wallet = await stand.fundedWallet(5_000_000n);
    expect(await stand.usdtOf(wallet.address)).toBe(5_000_000n);
    await stand.settle();
    const { chains } = await bodyOf<{ chains: object[] }>(await send(stand.api, "GET", "/api/chains"));
    expect(chains).toMatchObject([
      { chain: "eip155:31337", namespace: "eip155" },
      {
        chain: "tron:0x74646576",
        namespace: "tron",
        chainId: 0x74646576,
        ...stand.contracts,
        confirmations: 19,
        headBlock: stand.devnet.head(),
        mirroredBlock: stand.devnet.head(),
      },
    ]);
  } finally {
    await stand.close();
  }
});
