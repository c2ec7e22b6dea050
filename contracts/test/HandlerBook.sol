// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkout as AIForge} from "../solidity/Checkout.sol";
import {Source, Split} from "../solidity/Types.sol";
import {Tether} from "../solidity/dev/Tether.sol";
import {Signing} from "./Signing.sol";

/// @notice The handler's own books, kept by the rules of the design and never read from the contract. What a person has
/// is only ever lowered by an act of that person, so that the books' agreement with the contract says that nobody
/// lowers another's.
abstract contract HandlerBook is Signing {
    address internal immutable nobody = address(0xBAD);

    address[] public people;
    Split[] internal _splits;
    bytes32[] public splitIds;

    /// @notice How often the handler was called.
    uint256 public calls;
    /// @notice What was sent here by plain transfers.
    uint256 public donated;
    /// @notice What came into somebody's credit, and what that person took out or paid with.
    mapping(address person => uint256 amount) public gave;
    mapping(address person => uint256 amount) public took;
    /// @notice What a split earned, and what its members drew.
    mapping(bytes32 splitId => uint256 amount) public earned;
    mapping(bytes32 splitId => mapping(address member => uint256 amount)) public drawn;
    /// @notice The platform's fees, and what of them the treasury was credited with.
    uint256 public fees;
    uint256 public collected;
    /// @notice Who collects the fees, and whether new money is stopped.
    address public collector;
    bool public paused;
    uint256 private _refused;
    /// @notice What succeeded although it may never; empty if nothing did.
    string public breach;
    /// @notice How often each action did something, so that a run that did nothing is noticed.
    mapping(string action => uint256 times) public done;

    constructor(AIForge forge_, Tether usdt_, address[] memory people_, Split[] memory splits_) {
        (forge, usdt, people, collector) = (forge_, usdt_, people_, treasury);
        for (uint256 i = 0; i < splits_.length; ++i) {
            _splits.push(splits_[i]);
            splitIds.push(idOf(splits_[i]));
            forge.declareSplit(splits_[i]);
        }
    }

    /// @dev The tests' own set-up is not the handler's, and `pure` keeps it from being called at random.
    function setUp() public pure override {}

    function newToken(uint256) internal view override returns (Tether) {
        return usdt;
    }

    modifier counted() {
        ++calls;
        _;
    }

    /// @dev New money waits while it is stopped, but not for the rest of the run.
    modifier newMoney() {
        ++calls;
        if (paused) {
            if (++_refused % 3 != 0) return;
            vm.prank(admin);
            forge.unpause();
            paused = false;
            ++done["unpause"];
        }
        _;
    }

    function peopleCount() external view returns (uint256) {
        return people.length;
    }

    function splits() external view returns (Split[] memory) {
        return _splits;
    }

    function splitAt(uint256 index) external view returns (Split memory) {
        return _splits[index];
    }

    function togglePause(uint256 dice) external counted {
        if (!paused && dice % 2 > 0) return;
        vm.prank(admin);
        if (paused) forge.unpause();
        else forge.pause();
        ++done[paused ? "unpause" : "pause"];
        paused = !paused;
    }

    function wait(uint256 time) external counted {
        vm.warp(block.timestamp + bound(time, 0, 5 days));
        ++done["wait"];
    }

    function _breach(string memory what) internal {
        breach = what;
    }

    /// @dev Whether `payer` has the money; asked before every payment.
    function _affords(address payer, uint256 amount, bool fromCredit) internal view returns (bool) {
        return amount <= (fromCredit ? gave[payer] - took[payer] : usdt.balanceOf(payer));
    }

    /// @dev Books a payment that went through.
    function _paid(address payer, uint256 amount, bool fromCredit) internal {
        if (!fromCredit) return;
        took[payer] += amount;
        ++done["payFromCredit"];
    }

    /// @dev Books a share of the platform's: floor(amount * bps / 10,000). Returns what is left.
    function _charge(uint256 amount, uint256 bps) internal returns (uint256) {
        uint256 fee = (amount * bps) / 10_000;
        fees += fee;
        return amount - fee;
    }

    /// @dev What a member may have drawn in all: floor(earned * bps / 10,000).
    function _entitled(uint256 split, uint256 member) internal view returns (uint256) {
        return (earned[splitIds[split]] * _splits[split].bps[member]) / 10_000;
    }

    function _someone(uint256 dice) internal view returns (address) {
        return people[dice % people.length];
    }

    function _from(bool credit) internal pure returns (Source) {
        return credit ? Source.Credit : Source.Wallet;
    }

    /// @dev Amounts of every size, from a fraction of a cent, where rounding shows.
    function _amount(uint256 dice) internal pure returns (uint256) {
        return bound(dice, 1, 10 ** bound(dice >> 128, 0, 10));
    }
}
