// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Permit, Purchase, Terms} from "../solidity/Types.sol";
import {Signing} from "./Signing.sol";

/// @notice A model that is offered in every way, and a customer who lets Permit2 move USDT.
abstract contract CheckoutFixture is Signing {
    bytes4 internal constant INVALID_SIGNER = bytes4(keccak256("InvalidSigner()"));
    bytes4 internal constant INVALID_NONCE = bytes4(keccak256("InvalidNonce()"));

    bytes32 internal modelId;

    function setUp() public virtual override {
        super.setUp();
        modelId = publish(SALT, group(), 10 * USDT);
        vm.prank(creator);
        forge.setTerms(modelId, Terms({month: uint64(10 * USDT), sale: uint64(50 * USDT), input: 0, output: 0}));
        approvePermit2(customer);
    }

    function plan() internal pure returns (Purchase memory) {
        return Purchase("plan", bytes32(uint256(2)), USER, 1, 30 * USDT, 0);
    }

    function subscription() internal view returns (Purchase memory) {
        return Purchase("subscription", modelId, USER, 2, 20 * USDT, idOf(group()));
    }

    function license() internal view returns (Purchase memory) {
        return Purchase("license", modelId, USER, 0, 50 * USDT, idOf(group()));
    }

    function listing() internal view returns (Purchase memory) {
        return Purchase("listing", modelId, USER, 3, 6 * USDT, 0);
    }

    /// @dev 25 USDT, of which 4 may be charged in a day.
    function usage() internal pure returns (Purchase memory) {
        return Purchase("usage", 0, USER, 4 * USDT, 25 * USDT, 0);
    }

    function order() internal view returns (Job memory) {
        return
            Job({
                client: customer,
                account: USER,
                specification: keccak256("image, command, inputs"),
                price: uint64(100 * USDT),
                deadline: uint40(START + 1 days),
                salt: SALT
            });
    }

    function purchaseOf(Job memory job) internal pure returns (Purchase memory) {
        return Purchase("job", jobIdOf(job), job.account, 0, job.price, 0);
    }

    /// @dev Somebody without USDT brings it in.
    function bring(Purchase memory bought, Permit memory permit) internal {
        vm.prank(stranger);
        forge.purchase(bought, permit);
    }

    function bring(Purchase memory bought) internal {
        bring(bought, permitOf(CUSTOMER_KEY, bought));
    }

    function bring(Job memory job, Permit memory permit) internal returns (bytes32) {
        vm.prank(stranger);
        return forge.openJobWithPermit(job, permit);
    }
}
