export * from "../features/auth/schema.ts";
export * from "../features/group-revenue/schema.ts";
export * from "../features/groups/schema.ts";
export * from "../features/marketplace/schema.ts";
export * from "../features/models/schema.ts";
export * from "../features/payments/schema.ts";
export * from "../features/publishing/schema.ts";
export * from "../features/wallets/schema.ts";
export { app } from "./app-schema.ts";
