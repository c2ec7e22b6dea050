export * from "../features/auth/schema.ts";
export { app } from "./app-schema.ts";
