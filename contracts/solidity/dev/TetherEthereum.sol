// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Tether} from "./Tether.sol";

// solhint-disable use-natspec

/// @title USDT as on Ethereum: transfer, transferFrom and approve return nothing at all.
contract TetherEthereum is Tether {
    constructor(uint256 supply) Tether(supply) {}

    function transfer(address to, uint256 value) external virtual {
        _transfer(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external virtual {
        _transferFrom(from, to, value);
    }

    function approve(address spender, uint256 value) external {
        _approve(spender, value);
    }
}
