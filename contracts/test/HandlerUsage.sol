// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelUsage, UsageRow} from "../solidity/Types.sol";
import {HandlerPool} from "./HandlerPool.sol";

/// @notice Deposits for metered use, batches, and payers who leave.
abstract contract HandlerUsage is HandlerPool {
    /// @dev One deposit from its first payment to its withdrawal, then all anew; `all*` are of all times.
    struct Metered {
        uint256 deposit;
        uint256 cap;
        uint256 spent;
        uint256 day;
        uint256 leaveAt;
        uint256 allDeposited;
        uint256 allCharged;
        uint256 allWithdrawn;
    }

    mapping(address payer => Metered metered) internal _metered;
    uint256 public batches;

    function meteredOf(address payer) external view returns (Metered memory) {
        return _metered[payer];
    }

    function depositUsage(uint256 who, uint256 amount, uint256 cap, bool fromCredit) external newMoney {
        address payer = _someone(who);
        amount = _amount(amount);
        if (!_affords(payer, amount, fromCredit)) return;
        cap = _metered[payer].cap + _amount(cap);
        vm.prank(payer);
        forge.depositUsage(ACCOUNT, amount, uint64(cap), _from(fromCredit));
        _deposited(payer, amount, cap);
        _paid(payer, amount, fromCredit);
    }

    function setUsageCap(uint256 who, uint256 cap) external counted {
        address payer = _someone(who);
        cap = _metered[payer].cap + _amount(cap);
        vm.prank(payer);
        forge.setUsageCap(uint64(cap));
        _metered[payer].cap = cap;
        ++done["setUsageCap"];
    }

    function leaveUsage(uint256 who) external counted {
        address payer = _someone(who);
        if (_metered[payer].deposit == 0) return;
        vm.prank(payer);
        forge.leaveUsage();
        if (_metered[payer].leaveAt == 0) _metered[payer].leaveAt = block.timestamp + 3 days;
        ++done["leaveUsage"];
    }

    function withdrawUsage(uint256 who, bool hurry) external counted {
        address payer = _someone(who);
        Metered storage metered = _metered[payer];
        if (metered.leaveAt == 0) return;
        if (hurry && block.timestamp < metered.leaveAt) vm.warp(metered.leaveAt);
        if (block.timestamp < metered.leaveAt) return;
        vm.prank(nobody);
        forge.withdrawUsage(payer);
        gave[payer] += metered.deposit;
        metered.allWithdrawn += metered.deposit;
        (metered.deposit, metered.cap, metered.spent, metered.day, metered.leaveAt) = (0, 0, 0, 0, 0);
        ++done["withdrawUsage"];
    }

    /// @dev Two models, two payers each, who may be the same.
    function settleUsage(uint256 models_, uint256 payers, uint256 amounts) external counted {
        ModelUsage[] memory usage = new ModelUsage[](2);
        for (uint256 i = 0; i < 2; ++i) {
            usage[i] = ModelUsage({modelId: _someModel(models_ >> (8 * i)), rows: new UsageRow[](2)});
            uint256 sum = 0;
            for (uint256 j = 0; j < 2; ++j) {
                address payer = _someone(payers >> (8 * (2 * i + j)));
                uint256 amount = bound(amounts >> (64 * (2 * i + j)), 0, _chargeable(payer));
                usage[i].rows[j] = UsageRow({payer: payer, amount: uint64(amount)});
                _spend(payer, amount);
                sum += amount;
            }
            earned[splitIds[listed[usage[i].modelId].split]] += _charge(sum, 1000);
            if (sum != 0) ++done["chargeUsage"];
        }
        vm.prank(operator);
        forge.settleUsage(++batches, "receipts", usage);
        ++done["settleUsage"];
    }

    function _deposited(address payer, uint256 amount, uint256 cap) internal {
        Metered storage metered = _metered[payer];
        metered.deposit += amount;
        metered.allDeposited += amount;
        (metered.cap, metered.leaveAt) = (cap, 0);
        ++done["depositUsage"];
    }

    /// @dev What the operator may charge now: never more than is there, nor more in a day than was allowed.
    function _chargeable(address payer) internal view returns (uint256) {
        Metered memory metered = _metered[payer];
        if (metered.leaveAt != 0 && block.timestamp >= metered.leaveAt) return 0;
        uint256 spent = metered.day == block.timestamp / 1 days ? metered.spent : 0;
        uint256 left = metered.cap - spent;
        return left < metered.deposit ? left : metered.deposit;
    }

    function _spend(address payer, uint256 amount) private {
        Metered storage metered = _metered[payer];
        if (metered.day != block.timestamp / 1 days) (metered.day, metered.spent) = (block.timestamp / 1 days, 0);
        metered.deposit -= amount;
        metered.spent += amount;
        metered.allCharged += amount;
    }
}
