// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IToken} from "./IToken.sol";
import {Roles} from "./Roles.sol";
import {Source} from "./Types.sol";

/// @notice The money: what came in, whose it is, and the way out. All amounts are micro-USDT.
/// @dev Invariant: the credits of all payees and the undrawn revenue of all splits never exceed the token balance;
/// they are equal to it but for what was sent here by a plain transfer. The token is called from `_pull` and `_push`
/// only, and never from within itself: each measures the balance around its call.
abstract contract Ledger is Roles, ReentrancyGuardTransient {
    /// @notice The USDT of this chain.
    address public immutable token;

    /// @notice What a payee can withdraw or pay with.
    mapping(address payee => uint256 amount) public creditOf;

    /// @notice `payer` paid `amount` in for `payee`, whose credit is now `credit`.
    event Deposited(address indexed payer, address indexed payee, uint256 amount, uint256 credit);
    /// @notice `payee` paid `amount` from its credit, which is now `credit`.
    event Debited(address indexed payee, uint256 amount, uint256 credit);
    /// @notice `amount` of what is `payee`'s left to `to`; the credit of `payee` is now `credit`.
    event Withdrawn(address indexed payee, address indexed to, uint256 amount, uint256 credit);

    /// @notice Not a contract with 6 decimals.
    error InvalidToken(address token);
    /// @notice There is nothing to move.
    error ZeroAmount();
    /// @notice `payee` has `credit`, less than `amount`.
    error InsufficientCredit(address payee, uint256 credit, uint256 amount);
    /// @notice The token moved another amount than it was told to (a fee on transfer, for one).
    error InexactTransfer(uint256 balanceBefore, uint256 balanceAfter, uint256 amount);

    /// @notice Ties the ledger to its token for ever.
    constructor(address token_) {
        if (token_.code.length == 0 || IToken(token_).decimals() != 6) revert InvalidToken(token_);
        token = token_;
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

    /// @dev Takes a payment from the caller. The credit of others is given after this, never before.
    function _collect(Source source, uint256 amount) internal {
        if (source == Source.Wallet) {
            _pull(amount);
        } else {
            emit Debited({payee: msg.sender, amount: amount, credit: _debit(msg.sender, amount)});
        }
    }

    /// @dev Gives `amount` to `payee` and returns its new total. The token for it is here already.
    function _credit(address payee, uint256 amount) internal returns (uint256 credit) {
        credit = creditOf[payee] + amount;
        creditOf[payee] = credit;
    }

    /// @dev Outgoing transfer, the last thing that a function does. Requires that this contract's balance fell by `amount`, whatever the token answers. What
    /// a fee of the token's takes off on the way is the recipient's: it must not lock the money in.
    function _push(address to, uint256 amount) internal nonReentrant {
        _requirePayable(to);
        uint256 balanceBefore = IToken(token).balanceOf(address(this));
        IToken(token).transfer(to, amount);
        uint256 balanceAfter = IToken(token).balanceOf(address(this));
        if (balanceAfter + amount != balanceBefore) revert InexactTransfer(balanceBefore, balanceAfter, amount);
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
    function _pull(uint256 amount) private nonReentrant {
        uint256 balanceBefore = IToken(token).balanceOf(address(this));
        IToken(token).transferFrom(msg.sender, address(this), amount);
        uint256 balanceAfter = IToken(token).balanceOf(address(this));
        if (balanceAfter != balanceBefore + amount) revert InexactTransfer(balanceBefore, balanceAfter, amount);
    }
}
