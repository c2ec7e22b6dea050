import { ponder } from "ponder:registry";
import { handlers } from "./handlers.ts";

for (const [name, handler] of handlers) ponder.on(name, handler);
