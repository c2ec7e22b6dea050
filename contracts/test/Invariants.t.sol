// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Split} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";
import {Handler} from "./Handler.sol";

abstract contract InvariantsTest is Fixture {
    Handler private handler;
    address[] private people;

    function setUpHandler() internal {
        people = [treasury, creator, second, third, customer, stranger];
        Split memory seven = crowd(7);
        for (uint256 i = 0; i < 7; ++i) {
            people.push(seven.members[i]);
        }
        for (uint256 i = 0; i < people.length; ++i) {
            if (usdt.allowance(people[i], address(forge)) == 0) fund(people[i], 1_000_000 * USDT);
        }
        Split[] memory splits = new Split[](3);
        (splits[0], splits[1], splits[2]) = (alone(creator), group(), seven);
        handler = new Handler(forge, usdt, admin, people, splits);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev The invariants mean something: random calls do all there is to do.
    function test_handler_reachesEveryAction() external {
        for (uint256 i = 0; i < 600; ++i) {
            act(uint256(keccak256(abi.encode(i))));
        }
        string[10] memory actions = [
            "deposit",
            "withdraw",
            "withdrawFor",
            "publish",
            "extendListing",
            "setSplit",
            "setPrice",
            "subscribe",
            "draw",
            "drawAndWithdraw"
        ];
        for (uint256 i = 0; i < actions.length; ++i) {
            vm.assertTrue(handler.done(actions[i]) > 0, actions[i]);
        }
        vm.assertTrue(handler.donated() > 0, "donate");
    }

    function act(uint256 dice) private {
        (uint256 one, uint256 two, uint256 three) = (dice >> 8, dice >> 72, dice >> 136);
        bool coin = dice >> 255 == 1;
        uint256 action = dice % 12;
        if (action == 0) handler.deposit(one, two, three);
        else if (action == 1) handler.withdraw(one, two, three);
        else if (action == 2) handler.withdrawFor(one, two);
        else if (action == 3) handler.publish(one, two, monthly(three % USDT), coin);
        else if (action == 4) handler.extendListing(one, two, three, coin);
        else if (action == 5) handler.setSplit(one, two);
        else if (action == 6) handler.setPrice(one, two);
        else if (action == 7) handler.subscribe(one, two, three, coin);
        else if (action == 8) handler.draw(one, two, coin, three);
        else if (action == 9) handler.donate(one, two);
        else if (action == 10) handler.togglePause(one);
        else handler.wait(one % 1 hours);
    }

    /// @dev Everything owed is here, and nothing is here that is not owed or was not given away.
    function invariant_solvency() external view {
        uint256 owed = handler.donated();
        for (uint256 i = 0; i < people.length; ++i) {
            owed += forge.creditOf(people[i]);
        }
        Split[] memory splits = handler.splits();
        for (uint256 i = 0; i < splits.length; ++i) {
            bytes32 splitId = idOf(splits[i]);
            owed += forge.earnedOf(splitId);
            for (uint256 j = 0; j < splits[i].members.length; ++j) {
                owed -= forge.drawnOf(splitId, splits[i].members[j]);
            }
        }
        vm.assertEq(usdt.balanceOf(address(forge)), owed, "balance = credits + undrawn + donations");
    }

    /// @dev Nobody ever drew more than their floor of the lifetime sum, and what would wait if all drew now is dust.
    function invariant_draws() external view {
        Split[] memory splits = handler.splits();
        for (uint256 i = 0; i < splits.length; ++i) {
            uint256 earned = forge.earnedOf(idOf(splits[i]));
            uint256 entitled = 0;
            for (uint256 j = 0; j < splits[i].members.length; ++j) {
                uint256 most = (earned * splits[i].bps[j]) / 10_000;
                uint256 drawn = forge.drawnOf(idOf(splits[i]), splits[i].members[j]);
                vm.assertLe(drawn, most, "drawn <= floor(earned * bps / 10,000)");
                vm.assertEq(forge.drawableOf(splits[i], splits[i].members[j]), most - drawn);
                entitled += most;
            }
            vm.assertLe(earned - entitled, splits[i].members.length - 1, "dust");
        }
    }

    /// @dev Every base unit paid for a service is the platform's or a split's.
    function invariant_revenue() external view {
        Split[] memory splits = handler.splits();
        uint256 earned = 0;
        for (uint256 i = 0; i < splits.length; ++i) {
            earned += forge.earnedOf(idOf(splits[i]));
        }
        vm.assertEq(earned + handler.fees(), handler.spent(), "earned + fees = spent");
    }

    /// @dev What a split earned and what a member drew only grow, and a draw gives what was said to be drawable.
    function invariant_monotony() external view {
        vm.assertFalse(handler.fell());
    }
}

contract InvariantsOnEthereumTest is InvariantsTest, OnEthereum {
    function setUp() public override {
        super.setUp();
        setUpHandler();
    }
}

contract InvariantsOnTronTest is InvariantsTest, OnTron {
    function setUp() public override {
        super.setUp();
        setUpHandler();
    }
}
