// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Tether} from "./Tether.sol";

// solhint-disable use-natspec

/// @title USDT as on Tron: transfer moves the money and returns false; transferFrom and approve return true.
contract TetherTron is Tether {
    constructor(uint256 supply) Tether(supply) {}

    function transfer(address to, uint256 value) external returns (bool) {
        _transfer(msg.sender, to, value);
        return false;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        _transferFrom(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        _approve(spender, value);
        return true;
    }
}
