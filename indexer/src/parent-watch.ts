/**
 * Loaded into the Ponder process before Ponder. Its parent can be killed without a chance to pass that on;
 * then the channel between them closes. Ponder would try to say so on a closed pipe and hang, so it ends at
 * once: what it was doing is a transaction, and the next start takes it up from there.
 */
process.once("disconnect", () => process.exit(1));
process.channel?.unref();
