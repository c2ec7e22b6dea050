import type { Context, Event, EventNames } from "ponder:registry";

/** What a handler gets: one decoded event, where it is, and the rows as they were before it. */
export interface Occurrence<name extends EventNames = EventNames> {
  event: Event<name>;
  context: Context<name>;
}

type Handler = (occurrence: Occurrence) => Promise<void>;

/**
 * What each event does to the rows, by "<contract>:<event>". Ponder runs these for the EVM chains and the block
 * scanner for Tron, so the same events give the same rows on every chain.
 */
export const handlers = new Map<EventNames, Handler>();

/** Says what an event does to the rows. */
export function on<name extends EventNames>(
  name: name,
  handler: (occurrence: Occurrence<name>) => Promise<void>,
): void {
  // That a name and what happened belong together is more than a map's type can say.
  handlers.set(name, handler as unknown as Handler);
}
