// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Split} from "../solidity/Types.sol";
import {Fixture, Spendable} from "./Fixture.sol";
import {Handler} from "./Handler.sol";

/// @notice The people whom a handler acts for, with money, models, deposits, jobs and a root from the start.
abstract contract HandlerWorld is Fixture {
    Handler internal handler;
    address[] internal people;
    Split[] internal splits;
    bytes32[] internal splitIds;

    function setUp() public virtual override {
        super.setUp();
        people = [treasury, creator, second, third, customer, stranger, person("small")];
        Split memory seven = Split({members: people, bps: new uint16[](7)});
        // Somebody with a hundredth of a per cent, and shares that never come out even.
        uint16[7] memory bps = [1, 3333, 3333, 1111, 1111, 1110, 1];
        for (uint256 i = 0; i < 7; ++i) {
            seven.bps[i] = bps[i];
            if (usdt.allowance(people[i], address(forge)) == 0) fund(people[i], 1_000_000 * USDT);
        }
        vm.prank(customer);
        Spendable(address(usdt)).approve(PERMIT2, type(uint256).max);
        Split[3] memory all = [alone(creator), group(), seven];
        for (uint256 i = 0; i < 3; ++i) {
            splits.push(all[i]);
            splitIds.push(idOf(all[i]));
        }
        // Deployed as compiled on its own: `new` would optimise a copy of it into each of the suites.
        handler = Handler(create("../test/Handler.sol/Handler", abi.encode(forge, usdt, people, splits)));
        begin();
    }

    /// @dev So that every kind of thing is there from the first call on.
    function begin() private {
        handler.publish(1, 1, 10 * USDT, false);
        handler.publish(4, 2, 30 * USDT, false);
        handler.publish(1, 0, 1, false);
        for (uint256 i = 0; i < 7; ++i) {
            handler.deposit(4, i, (10 << 128) | (20 * USDT));
        }
        handler.buyPlan(4, 1, 2, false);
        handler.postRoot(uint256(keccak256("shares")), true, false);
        handler.depositUsage(4, (9 << 128) | (50 * USDT), (8 << 128) | (5 * USDT), false);
        handler.depositUsage(5, (9 << 128) | (70 * USDT), (8 << 128) | (9 * USDT), false);
        handler.openJob(4, 4, (9 << 128) | (100 * USDT), 20 days, 0);
        handler.openJob(4, 5, (9 << 128) | (33 * USDT), 10 days, 0);
    }
}
