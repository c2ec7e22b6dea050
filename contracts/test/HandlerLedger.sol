// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Split} from "../solidity/Types.sol";
import {Spendable} from "./Fixture.sol";
import {HandlerBook} from "./HandlerBook.sol";

/// @notice Deposits, withdrawals, draws, the platform's fees, and money that nobody asked for.
abstract contract HandlerLedger is HandlerBook {
    function deposit(uint256 who, uint256 payee, uint256 amount) external newMoney {
        address payer = _someone(who);
        amount = _amount(amount);
        if (!_affords(payer, amount, false)) return;
        vm.prank(payer);
        forge.deposit(_someone(payee), amount);
        gave[_someone(payee)] += amount;
        ++done["deposit"];
    }

    function withdraw(uint256 who, uint256 to, uint256 amount) external counted {
        address payee = _someone(who);
        amount = bound(amount, 0, gave[payee] - took[payee]);
        if (amount == 0) return;
        vm.prank(payee);
        forge.withdraw(_someone(to), amount);
        took[payee] += amount;
        ++done["withdraw"];
    }

    /// @dev A stranger sends people what is theirs: it must arrive there.
    function withdrawFor(uint256 payee) external counted {
        address to = _someone(payee);
        uint256 amount = gave[to] - took[to];
        if (amount == 0) return;
        uint256 before = usdt.balanceOf(to);
        vm.prank(nobody);
        forge.withdrawFor(to);
        if (usdt.balanceOf(to) != before + amount) _breach("withdrawFor sent it elsewhere");
        took[to] += amount;
        ++done["withdrawFor"];
    }

    function collectFees() external counted {
        if (fees == collected) return;
        vm.prank(nobody);
        forge.collectFees();
        _collected();
        ++done["collectFees"];
    }

    function setTreasury(uint256 who) external counted {
        if (fees != collected) _collected();
        collector = _someone(who);
        vm.prank(admin);
        forge.setTreasury(collector);
        ++done["setTreasury"];
    }

    function draw(uint256 split, uint256 member, bool straight, uint256 to) external counted {
        split %= _splits.length;
        Split memory chosen = _splits[split];
        member %= chosen.members.length;
        uint256 amount = _draws(split, member);
        if (amount == 0) return;
        address drawer = chosen.members[member];
        uint256 got;
        if (straight) {
            vm.prank(drawer);
            got = forge.drawAndWithdraw(chosen, _someone(to));
        } else {
            vm.prank(nobody);
            got = forge.draw(chosen, drawer);
            gave[drawer] += got;
        }
        if (got != amount) _breach("a draw gave something else than floor(earned * bps) less what was drawn");
        ++done[straight ? "drawAndWithdraw" : "draw"];
    }

    function donate(uint256 who, uint256 amount) external counted {
        address giver = _someone(who);
        amount = _amount(amount);
        if (!_affords(giver, amount, false)) return;
        vm.prank(giver);
        Spendable(address(usdt)).transfer(address(forge), amount);
        donated += amount;
        ++done["donate"];
    }

    /// @dev Books that a member drew everything it can, and returns how much that is.
    function _draws(uint256 split, uint256 member) internal returns (uint256 amount) {
        bytes32 splitId = splitIds[split];
        address drawer = _splits[split].members[member];
        uint256 entitled = _entitled(split, member);
        amount = entitled - drawn[splitId][drawer];
        drawn[splitId][drawer] = entitled;
    }

    function _collected() private {
        gave[collector] += fees - collected;
        collected = fees;
    }
}
