// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Sales} from "./Sales.sol";
import {Shares} from "./Shares.sol";
import {Source} from "./Types.sol";

/// @notice The platform's plans, by the month: a part for the platform, the rest for the creators' pool.
/// @dev Who has which plan until when is not stored: the event says what was bought, and readers add it up. The free
/// plan is no purchase and is not known here.
abstract contract Plans is Sales {
    /// @notice The platform's part of a plan, in basis points. Rounded down; the rest is the creators' pool's.
    uint256 public constant PLAN_FEE_BPS = 3000;
    /// @notice Plans are numbered 1 (Basic), 2 (Pro) and 3 (Enterprise).
    uint8 public constant PLANS = 3;

    /// @dev One slot: what a purchase reads and what it changes.
    struct Plan {
        uint64 price;
        uint128 funded;
    }

    mapping(uint8 number => Plan plan) private _plans;

    /// @notice A plan costs `price` for 30 days from now on, in micro-USDT. Zero means not offered.
    event PlanPriceSet(uint8 indexed plan, uint64 price);
    /// @notice `payer` bought `months` of a plan for `account`: `fee` for the platform, whose uncollected fees are now
    /// `fees`, and the rest for the creators' pool, which this plan has brought `funded` in all its life.
    event PlanPurchased(
        uint8 indexed plan,
        bytes32 indexed account,
        address indexed payer,
        uint256 months,
        uint256 price,
        uint256 fee,
        uint256 funded,
        uint256 fees
    );

    /// @notice There is no such plan, or it is not offered.
    error UnknownPlan(uint8 plan);

    /// @notice The first prices: 10, 30 and 100 USDT a month.
    constructor() {
        _setPlanPrice(1, 10_000_000);
        _setPlanPrice(2, 30_000_000);
        _setPlanPrice(3, 100_000_000);
    }

    /// @notice Buys `months` of a plan for an account.
    /// @param plan 1 to 3.
    /// @param months 1 to 120 periods of 30 days.
    /// @param maxPrice The most the caller agrees to pay for all of them, in micro-USDT.
    /// @param account The platform account that is entitled, whoever pays.
    /// @param source Where the price comes from.
    function buyPlan(
        uint8 plan,
        uint256 months,
        uint256 maxPrice,
        bytes32 account,
        Source source
    ) external whenNotPaused {
        uint256 price = _planCost(plan, months, maxPrice, account);
        _collect(source, price);
        _buyPlan(msg.sender, plan, months, price, account);
    }

    /// @notice Changes what a plan costs from now on.
    function setPlanPrice(uint8 plan, uint64 price) external onlyRole(ADMIN) {
        if (plan == 0 || plan > PLANS) revert UnknownPlan(plan);
        _setPlanPrice(plan, price);
    }

    /// @notice What a plan costs for 30 days, in micro-USDT.
    function planPriceOf(uint8 plan) external view returns (uint256) {
        return _plans[plan].price;
    }

    /// @notice What all plans brought the creators' pool in its life, in micro-USDT.
    function poolFunded() public view returns (uint256 funded) {
        for (uint8 plan = 1; plan <= PLANS; ++plan) {
            funded += _plans[plan].funded;
        }
    }

    /// @dev What a plan costs, if it can be bought on these conditions.
    function _planCost(
        uint8 plan,
        uint256 months,
        uint256 maxPrice,
        bytes32 account
    ) internal view returns (uint256 price) {
        if (account == 0) revert ZeroAccount();
        _requireMonths(months);
        price = months * _plans[plan].price;
        if (price == 0) revert UnknownPlan(plan);
        if (price > maxPrice) revert PriceAboveMax(price, maxPrice);
    }

    function _buyPlan(address payer, uint8 plan, uint256 months, uint256 price, bytes32 account) internal {
        uint256 fee = Shares.part(price, PLAN_FEE_BPS);
        uint256 funded = _plans[plan].funded + price - fee;
        _plans[plan].funded = uint128(_fit(funded, type(uint128).max));
        emit PlanPurchased({
            plan: plan,
            account: account,
            payer: payer,
            months: months,
            price: price,
            fee: fee,
            funded: funded,
            fees: _charge(fee)
        });
    }

    function _setPlanPrice(uint8 plan, uint64 price) private {
        _plans[plan].price = price;
        emit PlanPriceSet(plan, price);
    }
}
