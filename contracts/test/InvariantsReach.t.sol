// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Fixture, OnEthereum} from "./Fixture.sol";
import {HandlerWorld} from "./HandlerWorld.sol";

/// @notice The invariants mean something: random calls of the length of a run do all there is to do.
contract InvariantsReachTest is HandlerWorld, OnEthereum {
    uint256 private constant RUNS = 48;
    uint256 private constant DEPTH = 64;

    string private constant CALLS =
        "deposit(uint256,uint256,uint256) withdraw(uint256,uint256,uint256) withdrawFor(uint256) collectFees() "
        "setTreasury(uint256) draw(uint256,uint256,bool,uint256) donate(uint256,uint256) togglePause(uint256) "
        "wait(uint256) publish(uint256,uint256,uint256,bool) extendListing(uint256,uint256,uint256,bool) "
        "setSplit(uint256,uint256) setTerms(uint256,uint256) declareSplit(uint256) "
        "subscribe(uint256,uint256,uint256,bool) buyLicense(uint256,uint256,bool) "
        "buyPlan(uint256,uint8,uint256,bool) setPlanPrice(uint8,uint256) permitPlan(uint8,uint256,uint256) "
        "permitSubscription(uint256,uint256,uint256) permitLicense(uint256,uint256) "
        "permitListing(uint256,uint256,uint256) permitUsage(uint256,uint256) postRoot(uint256,bool,bool) vetoRoot() "
        "claim(uint256,bool,uint256,uint256,bool) depositUsage(uint256,uint256,uint256,bool) "
        "setUsageCap(uint256,uint256) leaveUsage(uint256) withdrawUsage(uint256,bool) "
        "settleUsage(uint256,uint256,uint256) openJob(uint256,uint256,uint256,uint256,uint256) "
        "submitJob(uint256,uint256,uint256) payJob(uint256,uint256,bool) approveJob(uint256,bool) "
        "releaseJob(uint256,bool) refundJob(uint256,bool,bool) disputeJob(uint256,bool) resolveJob(uint256,uint256) "
        "halveJob(uint256,bool) attackRoles(uint256,uint256) attackMoney(uint256,uint256,uint256) "
        "attackAsOperator(uint256,uint256,uint256) attackPool(uint256,uint256,bool) attackJobs(uint256,uint256,uint256)";

    string private constant ACTIONS =
        "deposit withdraw withdrawFor collectFees setTreasury draw drawAndWithdraw donate pause unpause wait publish "
        "extendListing setSplit setTerms declareSplit subscribe buyLicense buyPlan setPlanPrice payFromCredit permit "
        "postRoot postDishonestRoot vetoRoot claimShare claimAndDraw claimRefused depositUsage setUsageCap leaveUsage "
        "withdrawUsage settleUsage chargeUsage openJob submitJob payOpenJob paySubmittedJob approveJob "
        "approveDisputedJob releaseJob refundJob refundJobEarly disputeJob resolveJob halveJob attack";

    function setUp() public override(HandlerWorld, Fixture) {
        HandlerWorld.setUp();
    }

    function test_runsReachEveryAction() external {
        string[] memory calls = vm.split(CALLS, " ");
        string[] memory actions = vm.split(ACTIONS, " ");
        uint256[] memory atStart = new uint256[](actions.length);
        uint256[] memory times = new uint256[](actions.length);
        for (uint256 i = 0; i < actions.length; ++i) {
            atStart[i] = handler.done(actions[i]);
        }
        for (uint256 run = 0; run < RUNS; ++run) {
            uint256 start = vm.snapshotState();
            for (uint256 step = 0; step < DEPTH; ++step) {
                uint256 dice = uint256(keccak256(abi.encode(run, step)));
                act(calls[dice % calls.length], dice);
            }
            for (uint256 i = 0; i < actions.length; ++i) {
                times[i] += handler.done(actions[i]) - atStart[i];
            }
            vm.assertTrue(bytes(handler.breach()).length == 0, handler.breach());
            vm.revertToState(start);
        }
        for (uint256 i = 0; i < actions.length; ++i) {
            vm.assertTrue(times[i] > 0, actions[i]);
        }
    }

    /// @dev Calls the handler by a signature, with random arguments of its types.
    function act(string memory signature, uint256 dice) private {
        bytes memory call = abi.encodePacked(bytes4(keccak256(bytes(signature))));
        string[] memory types = vm.split(vm.split(vm.split(signature, "(")[1], ")")[0], ",");
        for (uint256 i = 0; i < types.length; ++i) {
            uint256 argument = uint256(keccak256(abi.encode(dice, i)));
            bytes32 kind = keccak256(bytes(types[i]));
            if (kind == keccak256("bool")) argument %= 2;
            else if (kind == keccak256("uint8")) argument %= 256;
            call = abi.encodePacked(call, argument);
        }
        if (call.length == 36 && bytes(types[0]).length == 0) call = abi.encodePacked(bytes4(call));
        (bool succeeded, ) = address(handler).call(call);
        vm.assertTrue(succeeded, signature);
    }
}
