import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { applied, mutantsOf } from "./mutants.ts";
import { explained, sampled, type Tried, tally } from "./tally.ts";
import { tryAll } from "./tryAll.ts";
import { sourcesOf } from "./workshop.ts";

const CONTRACT = `// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

contract AIForge {
    enum Door { Open, Shut }
    event Paid(address from, address to);
    error TooMuch();
    uint256 private constant LIMIT = 2 days;
    mapping(address payer => uint256 amount) public paid;
    Door public door;

    modifier whileOpen() {
        if (door != Door.Open) revert TooMuch();
        _;
    }

    // Grüße: bytes are not characters.
    function pay(address to, uint256 amount) external whileOpen {
        if (amount > LIMIT && amount != 7) revert TooMuch();
        paid[to] += amount;
        emit Paid(msg.sender, to);
    }

    function shut() external {
        door = Door.Shut;
    }

    function rest() external pure returns (uint256 sum) {
        for (uint256 i = 0; i < 4; ++i) sum = sum + i;
    }
}
`;
const TEST = `// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AIForge} from "../solidity/AIForge.sol";

interface Vm {
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
}

contract AIForgeTest {
    Vm private constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    function test_sum() external {
        string memory path = "contracts/artifacts/contracts/solidity/AIForge.sol/AIForge.json";
        bytes memory code = vm.parseJsonBytes(vm.readFile(path), ".bytecode");
        AIForge forge;
        assembly ("memory-safe") {
            forge := create(0, add(code, 32), mload(code))
        }
        require(forge.rest() == 6);
    }
}
`;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "mutants-test-"));
  mkdirSync(join(root, "contracts/solidity"), { recursive: true });
  mkdirSync(join(root, "contracts/test"));
  writeFileSync(join(root, "contracts/solidity/AIForge.sol"), CONTRACT);
  writeFileSync(join(root, "contracts/test/AIForge.t.sol"), TEST);
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(root, "node_modules"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const found = () => mutantsOf(sourcesOf(root), ["AIForge.sol"]);

it("makes every mistake of every kind, once", () => {
  const mutants = found();
  expect(mutants.map(({ id }) => id.replace("AIForge.sol ", ""))).toEqual([
    ": uint256 private constant LIMIT = 2 days -> uint256 private constant LIMIT = (2 days + 1)",
    ": uint256 private constant LIMIT = 2 days -> uint256 private constant LIMIT = (2 days - 1)",
    "whileOpen: door != Door.Open -> false",
    "whileOpen: door != Door.Open -> door == Door.Open",
    "whileOpen: door != Door.Open -> door != Door.Shut",
    "pay: amount > LIMIT && amount != 7 -> false",
    "pay: amount > LIMIT && amount != 7 -> amount > LIMIT || amount != 7",
    "pay: amount > LIMIT -> amount >= LIMIT",
    "pay: amount > LIMIT -> amount <= LIMIT",
    "pay: amount != 7 -> amount == 7",
    "pay: amount != 7 -> amount != (7 + 1)",
    "pay: amount != 7 -> amount != (7 - 1)",
    "pay: paid[to] += amount; -> {}",
    "pay: paid[to] += amount -> paid[to] -= amount",
    "pay: paid[to] += amount -> paid[to] = amount",
    "pay: emit Paid(msg.sender, to); -> {}",
    "pay: msg.sender, to -> to, msg.sender",
    "pay: whileOpen -> nothing",
    "shut: door = Door.Shut; -> {}",
    "shut: door = Door.Shut -> door = Door.Open",
    "rest: sum = sum + i; -> {}",
    "rest: sum + i -> sum - i",
    "rest: i < 4 -> i <= 4",
    "rest: i < 4 -> i >= 4",
    "rest: i < 4 -> i < (4 + 1)",
    "rest: i < 4 -> i < (4 - 1)",
    "rest: uint256 i = 0 -> uint256 i = (0 + 1)",
    "rest: ++i -> --i",
  ]);
  expect(new Set(mutants.map(({ id }) => id)).size).toBe(mutants.length);
});

it("changes one place and nothing else", () => {
  const mutant = found().find(({ id }) => id === "AIForge.sol pay: amount > LIMIT -> amount >= LIMIT");
  expect(mutant?.line).toBe(19);
  expect(mutant && applied(mutant, CONTRACT)).toBe(CONTRACT.replace("amount > LIMIT", "amount >= LIMIT"));
});

it("tells what the tests notice from what they do not", async () => {
  const expected = {
    "AIForge.sol pay: paid[to] += amount -> paid[to] -= amount": "survived",
    "AIForge.sol rest: sum + i -> sum - i": "killed",
    "AIForge.sol rest: i < 4 -> i < (4 + 1)": "killed",
    // The same in the end.
    "AIForge.sol rest: uint256 i = 0 -> uint256 i = (0 + 1)": "survived",
    "AIForge.sol rest: ++i -> --i": "killed",
  };
  const mutants = found().filter(({ id }) => id in expected);
  const told: Tried[] = [];
  const tried = await tryAll(mutants, { root, runs: 1, invariants: false, jobs: 2 }, (one) => told.push(one));
  expect(told).toEqual(tried);
  expect(Object.fromEntries(tried.map(({ mutant, verdict }) => [mutant.id, verdict.status]))).toEqual(
    expected,
  );
}, 300_000);

it("tries nothing with tests that fail anyway", async () => {
  const path = join(root, "contracts/test/AIForge.t.sol");
  writeFileSync(path, readFileSync(path, "utf8").replace("== 6", "== 5"));
  await expect(
    tryAll(found().slice(0, 1), { root, runs: 1, invariants: false, jobs: 1 }, () => {}),
  ).rejects.toThrow(/these fail: AIForgeTest: test_sum/);
}, 300_000);

it("counts what survived against what could be noticed", () => {
  const mutant = (id: string) => ({
    id,
    file: "A.sol",
    line: 1,
    operator: "delete",
    start: 0,
    length: 1,
    replacement: "",
  });
  const one = (id: string, status: Tried["verdict"]["status"]) => ({
    mutant: mutant(id),
    verdict: { status },
    seconds: 2,
  });
  const tried = [
    one("a", "killed"),
    one("b", "timeout"),
    one("c", "survived"),
    one("d", "survived"),
    one("e", "invalid"),
    one("f", "equivalent"),
    one("g", "killed"),
  ];
  const known = explained("# Equivalent\n\n- `d`: the same in the end\n- `c`\n- `c`: \n");
  const { counts, score, survivors, secondsPerMutant } = tally(tried, known);
  expect(counts).toEqual({ killed: 2, timeout: 1, survived: 1, explained: 1, invalid: 1, equivalent: 1 });
  expect(score).toBe(75);
  expect(survivors.map(({ id }) => id)).toEqual(["c"]);
  expect(secondsPerMutant).toBe(2);
});

it("draws the same sample for the same seed", () => {
  const items = Array.from({ length: 100 }, (_, i) => i);
  const drawn = sampled(items, 10, 7);
  expect(drawn).toEqual(sampled(items, 10, 7));
  expect(drawn).not.toEqual(sampled(items, 10, 8));
  expect(drawn).toEqual([...drawn].sort((a, b) => a - b));
  expect(new Set(drawn).size).toBe(10);
});
