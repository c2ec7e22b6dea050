import type { Router } from "../core/http.ts";
import type { Deps } from "../deps.ts";

/** Mounts each feature under its path. One line a feature: `app.route("/api/keys", keysRoutes(deps))`. */
export function mountFeatures(_app: Router, _deps: Deps): void {}
