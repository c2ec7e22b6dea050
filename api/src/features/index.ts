import type { Router } from "../core/http.ts";
import type { Deps } from "../deps.ts";
import { authRoutes } from "./auth/routes.ts";
import { groupsRoutes } from "./groups/routes.ts";
import { modelsRoutes } from "./models/routes.ts";
import { uploadsRoutes } from "./models/upload-routes.ts";
import { walletsRoutes } from "./wallets/routes.ts";

/** Mounts each feature under its path. One line a feature: `app.route("/api/keys", keysRoutes(deps))`. */
export function mountFeatures(app: Router, deps: Deps): void {
  app.route("/api/auth", authRoutes(deps));
  app.route("/api/wallets", walletsRoutes(deps));
  app.route("/api/groups", groupsRoutes(deps));
  app.route("/api/models", modelsRoutes(deps));
  app.route("/api/uploads", uploadsRoutes(deps));
}
