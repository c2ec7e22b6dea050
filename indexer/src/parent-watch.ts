/**
 * Loaded into the Ponder process before Ponder. Its parent can be killed without a chance to pass that on;
 * then the channel between them closes, and Ponder stops as if it had been asked to.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();
