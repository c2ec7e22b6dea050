import { ponder } from "ponder:registry";

/** The same events as the mirror's, with nothing done: what Ponder itself costs. */
const nothing = async () => {};

ponder.on("AIForge:Deposited", nothing);
ponder.on("AIForge:Debited", nothing);
ponder.on("AIForge:Withdrawn", nothing);
ponder.on("AIForge:SplitDeclared", nothing);
ponder.on("AIForge:ModelSplitSet", nothing);
ponder.on("AIForge:Drawn", nothing);
ponder.on("AIForge:ModelPublished", nothing);
ponder.on("AIForge:ListingExtended", nothing);
ponder.on("AIForge:TermsSet", nothing);
ponder.on("AIForge:ServicePurchased", nothing);
ponder.on("AIForge:RoleGranted", nothing);
ponder.on("AIForge:RoleRevoked", nothing);
ponder.on("AIForge:TreasurySet", nothing);
ponder.on("AIForge:Paused", nothing);
ponder.on("AIForge:Unpaused", nothing);
