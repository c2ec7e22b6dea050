import { DEMO_ACCOUNTS, LOCAL_CHAIN_ID } from "@aiforge/contracts";
import { DEMO_PASSWORD, DEMO_USERS } from "../demo/users.ts";
import type { SupervisorConfig } from "./config.ts";

/** What is printed when everything runs. */
export function welcome(config: SupervisorConfig, seconds: number): string {
  const lines = ["", `AIForge runs (started in ${seconds.toFixed(1)} s). Open  ${config.publicUrl}`, ""];
  if (config.localChain) {
    lines.push(
      `Demo wallets of the local chain (id ${LOCAL_CHAIN_ID}); their keys are public, never use them elsewhere.`,
      "Choose “Demo wallet” on the page, or import a key into a wallet of yours:",
      ...DEMO_ACCOUNTS.filter(({ role }) => ["creator", "member", "customer"].includes(role)).map(
        ({ name, address, privateKey }) => `  ${name.padEnd(14)} ${address}  ${privateKey}`,
      ),
      "",
    );
  }
  if (config.seed) {
    lines.push(
      "Demo accounts to sign in with by e-mail:",
      ...DEMO_USERS.map(({ email }) => `  ${email.padEnd(34)} password  ${DEMO_PASSWORD}`),
      "",
    );
  }
  lines.push("Ctrl-C stops it. npm start -- --reset begins anew.");
  return lines.join("\n");
}
