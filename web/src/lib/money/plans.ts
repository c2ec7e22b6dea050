const NAMES = ["Free", "Basic", "Pro", "Enterprise"];

/** A plan's name by the contract's number. */
export const planName = (plan: number): string => NAMES[plan] ?? `Plan ${plan}`;

/** A count for people: 50,000. */
export const showExact = (count: number): string => count.toLocaleString("en-US");
