import { getCreate2Address } from "viem";
import { expect, it } from "vitest";
import { CREATE2_DEPLOYER, PERMIT2, PERMIT2_SALT } from "./permit2.ts";
import { permit2Bytecode } from "./permit2Bytecode.ts";

it("is the code of the Permit2 that is on every chain", () => {
  const address = getCreate2Address({
    from: CREATE2_DEPLOYER,
    salt: PERMIT2_SALT,
    bytecode: permit2Bytecode,
  });
  expect(address).toBe(PERMIT2);
});
