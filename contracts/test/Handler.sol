// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkout as AIForge} from "../solidity/Checkout.sol";
import {Split} from "../solidity/Types.sol";
import {Tether} from "../solidity/dev/Tether.sol";
import {HandlerAttacks} from "./HandlerAttacks.sol";
import {HandlerBook} from "./HandlerBook.sol";

/// @notice Does what people do, in any order and with any numbers, and keeps its own books beside the contract's.
/// Every action is one that must succeed: a revert fails the run.
contract Handler is HandlerAttacks {
    constructor(
        AIForge forge_,
        Tether usdt_,
        address[] memory people_,
        Split[] memory splits_
    ) HandlerBook(forge_, usdt_, people_, splits_) {}
}
