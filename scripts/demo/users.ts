/** The password of the e-mail demo accounts. They exist on an instance with the local chain only. */
export const DEMO_PASSWORD = "demo-password";

/** E-mail accounts that are there after the first start; a wallet can be connected to either. */
export const DEMO_USERS = [
  { email: "creator@demo.aiforge.localhost", name: "Demo creator" },
  { email: "customer@demo.aiforge.localhost", name: "Demo customer" },
] as const;
