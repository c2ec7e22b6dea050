import "./jobs.ts";
import "./ledger.ts";
import "./models.ts";
import "./plans.ts";
import "./roles.ts";
import "./services.ts";
import "./splits.ts";
import "./usage.ts";

export { handlers, type Occurrence } from "./registry.ts";
