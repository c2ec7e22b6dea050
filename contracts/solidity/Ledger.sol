// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPermit2} from "./IPermit2.sol";
import {IToken} from "./IToken.sol";
import {Roles} from "./Roles.sol";
import {Permit, Source} from "./Types.sol";

/// @notice The money: what came in, whose it is, and the way out. All amounts are micro-USDT.
/// @dev Invariant: credits, uncollected fees, undrawn revenue of splits, unclaimed pool, escrows of jobs and deposits
/// for usage never exceed the token balance; they are equal to it but for what was sent here by a plain transfer. The token is called from `_pull` and `_push`
/// only, and never from within itself: each measures the balance around its call.
abstract contract Ledger is Roles {
    /// @notice The USDT of this chain.
    address public immutable token;

    /// @notice Uniswap's Permit2 on this chain; zero where there is none.
    address public immutable permit2;

    /// @dev 1 while the token is being called; a whole slot, as a part of one is read before it is written. Lives as long
    /// as the transaction.
    uint256 private transient _moving;

    /// @notice What a payee can withdraw or pay with.
    mapping(address payee => uint256 amount) public creditOf;

    /// @notice `payer` paid `amount` in for `payee`, whose credit is now `credit`.
    event Deposited(address indexed payer, address indexed payee, uint256 amount, uint256 credit);
    /// @notice `payee` paid `amount` from its credit, which is now `credit`.
    event Debited(address indexed payee, uint256 amount, uint256 credit);
    /// @notice `amount` of what is `payee`'s left to `to`; the credit of `payee` is now `credit`.
    event Withdrawn(address indexed payee, address indexed to, uint256 amount, uint256 credit);

    /// @notice `amount` of fees became credit of `treasury`, which is now `credit`.
    event FeesCollected(address indexed treasury, uint256 amount, uint256 credit);

    /// @notice Not a contract with 6 decimals.
    error InvalidToken(address token);
    /// @notice Not a contract, or none on this chain.
    error InvalidPermit2(address permit2);
    /// @notice There is nothing to move.
    error ZeroAmount();
    /// @notice `payee` has `credit`, less than `amount`.
    error InsufficientCredit(address payee, uint256 credit, uint256 amount);
    /// @notice The token called back while it was moving.
    error Reentered();
    /// @notice The amount does not fit where it is kept.
    error AmountTooLarge(uint256 amount);
    /// @notice The token moved another amount than it was told to (a fee on transfer, for one): this contract should
    /// hold `expected` now and holds `balance`.
    error InexactTransfer(uint256 expected, uint256 balance, uint256 amount);

    /// @notice Ties the ledger to its token, and to Permit2 where there is one, for ever.
    constructor(address token_, address permit2_) {
        if (token_.code.length == 0 || IToken(token_).decimals() != 6) revert InvalidToken(token_);
        if (permit2_ != address(0) && permit2_.code.length == 0) revert InvalidPermit2(permit2_);
        (token, permit2) = (token_, permit2_);
    }

    /// @notice Pays `amount` from the caller's wallet into the credit of `payee`.
    function deposit(address payee, uint256 amount) external whenNotPaused {
        if (amount == 0) revert ZeroAmount();
        _requirePayable(payee);
        _pull(amount);
        emit Deposited({payer: msg.sender, payee: payee, amount: amount, credit: _credit(payee, amount)});
    }

    /// @notice Sends `amount` of the caller's own credit to `to`.
    function withdraw(address to, uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        _withdraw(msg.sender, to, amount);
    }

    /// @notice Sends the whole credit of `payee` to `payee`. Anyone may call it.
    function withdrawFor(address payee) external {
        uint256 amount = creditOf[payee];
        if (amount == 0) revert ZeroAmount();
        _withdraw(payee, payee, amount);
    }

    /// @notice Makes the platform's fees since the last time credit of the treasury. Anyone may call it.
    function collectFees() external {
        if (_platform.fees == 0) revert ZeroAmount();
        _collectFees();
    }

    /// @notice Names whom the platform's fees are collected for from now on. Fees until now are collected for the old.
    function setTreasury(address treasury_) external onlyRole(ADMIN) {
        if (_platform.fees != 0) _collectFees();
        _setTreasury(treasury_);
    }

    /// @notice The platform's fees that were not collected yet, in micro-USDT.
    function uncollectedFees() external view returns (uint256) {
        return _platform.fees;
    }

    /// @dev Takes a payment from the caller. The credit of others is given after this, never before.
    function _collect(Source source, uint256 amount) internal {
        if (source == Source.Wallet) {
            _pull(amount);
        } else {
            emit Debited({payee: msg.sender, amount: amount, credit: _debit(msg.sender, amount)});
        }
    }

    /// @dev Takes `amount` of the `maxAmount` that was signed, by a Permit2 signature over what it is for: `witness` is
    /// the EIP-712 hash of that, and `witnessType` the type that goes with it.
    function _collectPermit(
        Permit calldata permit,
        uint256 maxAmount,
        uint256 amount,
        bytes32 witness,
        string memory witnessType
    ) internal {
        if (permit2 == address(0)) revert InvalidPermit2(permit2);
        uint256 balanceBefore = _enter();
        IPermit2(permit2).permitWitnessTransferFrom(
            IPermit2.PermitTransferFrom({
                permitted: IPermit2.TokenPermissions({token: token, amount: maxAmount}),
                nonce: permit.nonce,
                deadline: permit.deadline
            }),
            IPermit2.SignatureTransferDetails({to: address(this), requestedAmount: amount}),
            permit.payer,
            witness,
            witnessType,
            permit.signature
        );
        _leave(balanceBefore + amount, amount);
    }

    /// @dev Gives `amount` to `payee` and returns its new total. The token for it is here already.
    function _credit(address payee, uint256 amount) internal returns (uint256 credit) {
        credit = creditOf[payee] + amount;
        creditOf[payee] = credit;
    }

    /// @dev Adds a fee to what the treasury can collect and returns its new total. The token for it is here already.
    function _charge(uint256 fee) internal returns (uint256 fees) {
        fees = _platform.fees + fee;
        _platform.fees = uint88(_fit(fees, type(uint88).max));
    }

    /// @dev Outgoing transfer, the last thing that a function does. Requires that this contract's balance fell by
    /// `amount`, whatever the token answers. What a fee of the token's takes off on the way is the recipient's: it must
    /// not lock the money in.
    function _push(address to, uint256 amount) internal {
        _requirePayable(to);
        uint256 balanceBefore = _enter();
        IToken(token).transfer(to, amount);
        _leave(balanceBefore - amount, amount);
    }

    /// @dev Money is narrowed through here alone.
    function _fit(uint256 amount, uint256 max) internal pure returns (uint256) {
        if (amount > max) revert AmountTooLarge(amount);
        return amount;
    }

    function _collectFees() private {
        uint256 amount = _platform.fees;
        address treasury_ = _platform.treasury;
        _platform.fees = 0;
        emit FeesCollected({treasury: treasury_, amount: amount, credit: _credit(treasury_, amount)});
    }

    function _withdraw(address payee, address to, uint256 amount) private {
        emit Withdrawn({payee: payee, to: to, amount: amount, credit: _debit(payee, amount)});
        _push(to, amount);
    }

    function _debit(address payee, uint256 amount) private returns (uint256 credit) {
        credit = creditOf[payee];
        if (credit < amount) revert InsufficientCredit(payee, credit, amount);
        unchecked {
            credit -= amount;
        }
        creditOf[payee] = credit;
    }

    /// @dev Incoming transfer from the caller, which must raise this contract's balance by exactly `amount`.
    function _pull(uint256 amount) private {
        uint256 balanceBefore = _enter();
        IToken(token).transferFrom(msg.sender, address(this), amount);
        _leave(balanceBefore + amount, amount);
    }

    /// @dev Before the token is told to move. Returns this contract's balance.
    function _enter() private returns (uint256) {
        if (_moving != 0) revert Reentered();
        _moving = 1;
        return _balance();
    }

    /// @dev After the token moved.
    function _leave(uint256 expected, uint256 amount) private {
        uint256 balance = _balance();
        if (balance != expected) revert InexactTransfer(expected, balance, amount);
        _moving = 0;
    }

    function _balance() private view returns (uint256) {
        return IToken(token).balanceOf(address(this));
    }
}
