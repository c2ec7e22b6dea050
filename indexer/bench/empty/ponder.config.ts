export { default } from "../../evm/ponder.config.ts";
