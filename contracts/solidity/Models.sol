// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Splits} from "./Splits.sol";
import {Source, Split, Terms} from "./Types.sol";

/// @notice Models: published, listed, priced, and the split that earns.
abstract contract Models is Splits {
    /// @notice Publishing, in micro-USDT. The first model of a wallet is free.
    uint256 public constant PUBLISH_FEE = 5_000_000;
    /// @notice Listing, in micro-USDT per `MONTH`.
    uint256 public constant LISTING_FEE = 2_000_000;
    /// @notice What is called a month here, in seconds.
    uint256 public constant MONTH = 30 days;
    /// @notice How long a model stays listed after its paid time, in seconds.
    uint256 public constant GRACE = 7 days;
    /// @notice The most that one call buys, in months.
    uint256 public constant MAX_MONTHS = 120;

    /// @dev Three slots, and a subscription reads but the first: the head of the split's id is enough to compare it with
    /// the one that a buyer was shown. The revenue is that one's, and 160 bits are as hard to meet twice as an address.
    /// `paidUntil` is zero where nothing was published; 32 bits of seconds last until 2106.
    struct Model {
        bytes20 splitHead;
        uint32 paidUntil;
        uint64 month;
        address owner;
        bytes12 splitTail;
        uint64 sale;
        uint64 input;
        uint64 output;
    }

    mapping(bytes32 modelId => Model model) private _models;
    mapping(address owner => bool published) private _hasPublished;

    /// @notice A model was published by `owner` for `account`, for a fee that brought the platform's uncollected fees to `fees`.
    event ModelPublished(
        bytes32 indexed modelId,
        address indexed owner,
        bytes32 indexed account,
        bytes32 splitId,
        bytes32 weights,
        Terms terms,
        uint256 fee,
        uint64 paidUntil,
        uint256 fees
    );
    /// @notice `payer` paid for more listing, which now lasts until `paidUntil`.
    event ListingExtended(
        bytes32 indexed modelId,
        address indexed payer,
        bytes32 indexed account,
        uint256 months,
        uint256 fee,
        uint64 paidUntil,
        uint256 fees
    );
    /// @notice Another split earns from now on.
    event ModelSplitSet(bytes32 indexed modelId, bytes32 indexed splitId);
    /// @notice Other prices hold from now on.
    event TermsSet(bytes32 indexed modelId, Terms terms);

    /// @notice The caller published under this salt before.
    error AlreadyPublished(bytes32 modelId);
    /// @notice Nothing was published under this id.
    error UnknownModel(bytes32 modelId);
    /// @notice Only `owner` may do this.
    error NotModelOwner(bytes32 modelId, address owner, address caller);
    /// @notice The fee is more than the caller agreed to.
    error FeeAboveMax(uint256 fee, uint256 maxFee);
    /// @notice One call buys 1 to 120 months.
    error MonthsOutOfRange(uint256 months);
    /// @notice The listing and its grace ended at `listedUntil`.
    error NotListed(bytes32 modelId, uint256 listedUntil);
    /// @notice A purchase for no account would entitle nobody.
    error ZeroAccount();

    /// @notice Publishes a model of the caller's, with its first 30 days of listing.
    /// @param salt Makes the model's id, together with the caller.
    /// @param weights sha-256 of the file of weights.
    /// @param split Who earns.
    /// @param terms What it costs.
    /// @param account The platform account that publishes, apart from the wallet.
    /// @param maxFee The most the caller agrees to pay, in micro-USDT.
    /// @param source Where the fee comes from.
    function publish(
        bytes32 salt,
        bytes32 weights,
        Split calldata split,
        Terms calldata terms,
        bytes32 account,
        uint256 maxFee,
        Source source
    ) external whenNotPaused returns (bytes32 modelId) {
        if (account == 0) revert ZeroAccount();
        modelId = modelIdOf(msg.sender, salt);
        Model storage model = _models[modelId];
        if (model.paidUntil != 0) revert AlreadyPublished(modelId);
        uint256 fee = publishFeeOf(msg.sender);
        if (fee > maxFee) revert FeeAboveMax(fee, maxFee);

        bytes32 splitId = _declare(split);
        uint32 paidUntil = uint32(_fit(block.timestamp + MONTH, type(uint32).max));
        model.owner = msg.sender;
        model.paidUntil = paidUntil;
        _setSplit(model, splitId);
        _setTerms(model, terms);

        if (fee == 0) _hasPublished[msg.sender] = true;
        else _collect(source, fee);

        emit ModelPublished({
            modelId: modelId,
            owner: msg.sender,
            account: account,
            splitId: splitId,
            weights: weights,
            terms: terms,
            fee: fee,
            paidUntil: paidUntil,
            fees: _charge(fee)
        });
    }

    /// @notice Pays for `months` more of listing, from now or from the end of the paid time, whichever is later.
    /// Anyone may pay for any model.
    function extendListing(bytes32 modelId, uint256 months, bytes32 account, Source source) external whenNotPaused {
        uint256 fee = _listingFee(modelId, months, account);
        _collect(source, fee);
        _extendListing(msg.sender, modelId, months, fee, account);
    }

    /// @notice Lets another split earn from now on. What was earned before stays with the split that earned it.
    function setSplit(bytes32 modelId, Split calldata split) external {
        Model storage model = _ownedModel(modelId);
        bytes32 splitId = _declare(split);
        _setSplit(model, splitId);
        emit ModelSplitSet(modelId, splitId);
    }

    /// @notice Changes the prices of later purchases.
    function setTerms(bytes32 modelId, Terms calldata terms) external {
        _setTerms(_ownedModel(modelId), terms);
        emit TermsSet(modelId, terms);
    }

    /// @notice A model as it stands. Everything is zero where nothing was published.
    function modelOf(
        bytes32 modelId
    ) external view returns (address owner, uint64 paidUntil, bytes32 splitId, Terms memory terms) {
        Model storage model = _models[modelId];
        terms = Terms({month: model.month, sale: model.sale, input: model.input, output: model.output});
        return (model.owner, model.paidUntil, _splitIdOf(model), terms);
    }

    /// @notice Whether a model can be bought: its paid time and the grace after it have not passed.
    function isListed(bytes32 modelId) external view returns (bool) {
        Model storage model = _models[modelId];
        return model.paidUntil != 0 && block.timestamp <= model.paidUntil + GRACE;
    }

    /// @notice What `owner` pays to publish the next model, in micro-USDT.
    function publishFeeOf(address owner) public view returns (uint256) {
        return _hasPublished[owner] ? PUBLISH_FEE : 0;
    }

    /// @notice The name of a model.
    function modelIdOf(address owner, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(owner, salt));
    }

    /// @dev The split that earns from a model, listed or not.
    function _splitOf(bytes32 modelId) internal view returns (bytes32 splitId) {
        splitId = _splitIdOf(_models[modelId]);
        if (splitId == 0) revert UnknownModel(modelId);
    }

    /// @dev The split that earns from a model, whole.
    function _splitIdOf(Model storage model) internal view returns (bytes32) {
        return bytes32(model.splitHead) | (bytes32(model.splitTail) >> 160);
    }

    /// @dev The model, if it can be bought now.
    function _listedModel(bytes32 modelId) internal view returns (Model storage model) {
        model = _models[modelId];
        uint256 paidUntil = model.paidUntil;
        if (paidUntil == 0) revert UnknownModel(modelId);
        uint256 listedUntil = paidUntil + GRACE;
        if (block.timestamp > listedUntil) revert NotListed(modelId, listedUntil);
    }

    /// @dev What more listing costs, if it can be bought.
    function _listingFee(bytes32 modelId, uint256 months, bytes32 account) internal view returns (uint256) {
        if (account == 0) revert ZeroAccount();
        _requireMonths(months);
        if (_models[modelId].paidUntil == 0) revert UnknownModel(modelId);
        return months * LISTING_FEE;
    }

    function _extendListing(address payer, bytes32 modelId, uint256 months, uint256 fee, bytes32 account) internal {
        Model storage model = _models[modelId];
        uint256 start = model.paidUntil > block.timestamp ? model.paidUntil : block.timestamp;
        uint32 paidUntil = uint32(_fit(start + months * MONTH, type(uint32).max));
        model.paidUntil = paidUntil;
        emit ListingExtended({
            modelId: modelId,
            payer: payer,
            account: account,
            months: months,
            fee: fee,
            paidUntil: paidUntil,
            fees: _charge(fee)
        });
    }

    function _requireMonths(uint256 months) internal pure {
        if (months == 0 || months > MAX_MONTHS) revert MonthsOutOfRange(months);
    }

    function _setSplit(Model storage model, bytes32 splitId) private {
        model.splitHead = bytes20(splitId);
        model.splitTail = bytes12(splitId << 160);
    }

    function _setTerms(Model storage model, Terms calldata terms) private {
        model.month = terms.month;
        model.sale = terms.sale;
        model.input = terms.input;
        model.output = terms.output;
    }

    function _ownedModel(bytes32 modelId) private view returns (Model storage model) {
        model = _models[modelId];
        if (model.owner == address(0)) revert UnknownModel(modelId);
        if (model.owner != msg.sender) revert NotModelOwner(modelId, model.owner, msg.sender);
    }
}
