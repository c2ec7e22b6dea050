export { default } from "../../../../evm/src/api/index.ts";
