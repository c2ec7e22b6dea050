// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkout as AIForge} from "../solidity/Checkout.sol";
import {Source, Split, Terms} from "../solidity/Types.sol";
import {Tether} from "../solidity/dev/Tether.sol";
import {Spendable} from "./Fixture.sol";
import {Test} from "./Vm.sol";

/// @notice Does what people do, in any order and with any numbers, and keeps its own books beside the contract's.
/// Every action is one that must succeed: a revert fails the run.
contract Handler is Test {
    uint256 private constant MAX_MODELS = 8;

    AIForge private immutable forge;
    Tether private immutable usdt;
    address private immutable admin;
    address[] public people;
    Split[] private _splits;
    bytes32[] public models;

    /// @notice What was sent here by plain transfers.
    uint256 public donated;
    /// @notice What subscriptions cost, all together.
    uint256 public spent;
    /// @notice The platform's part of it.
    uint256 public fees;
    /// @notice Whether a total that may only grow ever fell.
    bool public fell;
    /// @notice How often each action did something, so that a run that did nothing is noticed.
    mapping(string action => uint256 times) public done;

    constructor(AIForge forge_, Tether usdt_, address admin_, address[] memory people_, Split[] memory splits_) {
        (forge, usdt, admin, people) = (forge_, usdt_, admin_, people_);
        for (uint256 i = 0; i < splits_.length; ++i) {
            _splits.push(splits_[i]);
        }
    }

    function splits() external view returns (Split[] memory) {
        return _splits;
    }

    function peopleCount() external view returns (uint256) {
        return people.length;
    }

    function deposit(uint256 who, uint256 payee, uint256 amount) external {
        address payer = someone(who);
        amount = bound(amount, 0, usdt.balanceOf(payer) / 4);
        if (amount == 0 || forge.paused()) return;
        vm.prank(payer);
        forge.deposit(someone(payee), amount);
        ++done["deposit"];
    }

    function withdraw(uint256 who, uint256 to, uint256 amount) external {
        address payee = someone(who);
        amount = bound(amount, 0, forge.creditOf(payee));
        if (amount == 0) return;
        vm.prank(payee);
        forge.withdraw(someone(to), amount);
        ++done["withdraw"];
    }

    function withdrawFor(uint256 who, uint256 payee) external {
        if (forge.creditOf(someone(payee)) == 0) return;
        vm.prank(someone(who));
        forge.withdrawFor(someone(payee));
        ++done["withdrawFor"];
    }

    function publish(uint256 who, uint256 split, Terms calldata terms, bool fromCredit) external {
        if (models.length == MAX_MODELS || forge.paused()) return;
        address owner = someone(who);
        uint256 fee = forge.publishFeeOf(owner);
        if (!affords(owner, fee, fromCredit)) return;
        bytes32 salt = bytes32(models.length);
        vm.prank(owner);
        models.push(
            forge.publish(salt, keccak256("weights"), someSplit(split), terms, "someone", fee, from(fromCredit))
        );
        ++done["publish"];
    }

    function extendListing(uint256 who, uint256 model, uint256 months, bool fromCredit) external {
        if (models.length == 0 || forge.paused()) return;
        months = bound(months, 1, 3);
        address payer = someone(who);
        if (!affords(payer, months * forge.LISTING_FEE(), fromCredit)) return;
        vm.prank(payer);
        forge.extendListing(someModel(model), months, "someone", from(fromCredit));
        ++done["extendListing"];
    }

    function setSplit(uint256 model, uint256 split) external {
        if (models.length == 0) return;
        (address owner, , , ) = forge.modelOf(someModel(model));
        vm.prank(owner);
        forge.setSplit(someModel(model), someSplit(split));
        ++done["setSplit"];
    }

    function setPrice(uint256 model, uint256 month) external {
        if (models.length == 0) return;
        (address owner, , , ) = forge.modelOf(someModel(model));
        vm.prank(owner);
        // From a fraction of a cent, where rounding shows, to a fortune.
        forge.setTerms(someModel(model), Terms(uint64(bound(month, 1, 10 ** bound(month >> 64, 1, 12))), 0, 0, 0));
        ++done["setPrice"];
    }

    function subscribe(uint256 who, uint256 model, uint256 months, bool fromCredit) external {
        if (models.length == 0 || forge.paused()) return;
        bytes32 modelId = someModel(model);
        (, , bytes32 splitId, Terms memory terms) = forge.modelOf(modelId);
        months = bound(months, 1, 3);
        uint256 price = terms.month * months;
        address payer = someone(who);
        if (price == 0 || !forge.isListed(modelId) || !affords(payer, price, fromCredit)) return;
        uint256 earned = forge.earnedOf(splitId);
        vm.prank(payer);
        forge.subscribe(modelId, months, price, splitId, "someone", from(fromCredit));
        if (forge.earnedOf(splitId) < earned) fell = true;
        spent += price;
        fees += price / 10;
        ++done["subscribe"];
    }

    function draw(uint256 split, uint256 member, bool straight, uint256 to) external {
        Split memory chosen = someSplit(split);
        address drawer = chosen.members[member % chosen.members.length];
        uint256 drawable = forge.drawableOf(chosen, drawer);
        if (drawable == 0) return;
        bytes32 splitId = forge.splitIdOf(chosen);
        uint256 drawn = forge.drawnOf(splitId, drawer);
        vm.prank(drawer);
        uint256 got = straight ? forge.drawAndWithdraw(chosen, someone(to)) : forge.draw(chosen, drawer);
        if (got != drawable || forge.drawnOf(splitId, drawer) != drawn + got) fell = true;
        ++done[straight ? "drawAndWithdraw" : "draw"];
    }

    function donate(uint256 who, uint256 amount) external {
        address giver = someone(who);
        amount = bound(amount, 0, usdt.balanceOf(giver) / 100);
        vm.prank(giver);
        Spendable(address(usdt)).transfer(address(forge), amount);
        donated += amount;
    }

    function togglePause(uint256 dice) external {
        bool paused = forge.paused();
        if (!paused && dice % 4 > 0) return;
        vm.prank(admin);
        if (paused) forge.unpause();
        else forge.pause();
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 0, 5 days));
    }

    function someone(uint256 dice) private view returns (address) {
        return people[dice % people.length];
    }

    function someSplit(uint256 dice) private view returns (Split memory) {
        return _splits[dice % _splits.length];
    }

    function someModel(uint256 dice) private view returns (bytes32) {
        return models[dice % models.length];
    }

    function from(bool credit) private pure returns (Source) {
        return credit ? Source.Credit : Source.Wallet;
    }

    function affords(address payer, uint256 amount, bool fromCredit) private view returns (bool) {
        return amount <= (fromCredit ? forge.creditOf(payer) : usdt.balanceOf(payer));
    }
}
