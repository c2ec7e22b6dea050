export * from "../../evm/ponder.schema.ts";
