import type { Router } from "../core/http.ts";
import type { Deps } from "../deps.ts";
import { adminRoutes } from "./admin/routes.ts";
import { authRoutes } from "./auth/routes.ts";
import { chainsRoutes } from "./chains/routes.ts";
import { chatRoutes } from "./chat/routes.ts";
import { filesRoutes } from "./files/routes.ts";
import { gatewayRoutes } from "./gateway/routes.ts";
import { groupRevenueRoutes } from "./group-revenue/routes.ts";
import { groupsRoutes } from "./groups/routes.ts";
import { healthRoutes } from "./health/routes.ts";
import { adminJobsRoutes } from "./jobs/admin-routes.ts";
import { jobNodeRoutes } from "./jobs/node-routes.ts";
import { jobsRoutes } from "./jobs/routes.ts";
import { keysRoutes } from "./keys/routes.ts";
import { marketplaceRoutes } from "./marketplace/routes.ts";
import { modelsRoutes } from "./models/routes.ts";
import { uploadsRoutes } from "./models/upload-routes.ts";
import { versionsRoutes } from "./models/version-routes.ts";
import { adminInvitesRoutes } from "./nodes/invites-routes.ts";
import { nodesRoutes } from "./nodes/routes.ts";
import { notificationsRoutes } from "./notifications/routes.ts";
import { paymentsRoutes } from "./payments/routes.ts";
import { publishingRoutes } from "./publishing/routes.ts";
import { revenueRoutes } from "./revenue/routes.ts";
import { subscriptionsRoutes } from "./subscriptions/routes.ts";
import { walletsRoutes } from "./wallets/routes.ts";

/** Mounts each feature under its path. One line a feature: `app.route("/api/keys", keysRoutes(deps))`. */
export function mountFeatures(app: Router, deps: Deps): void {
  app.route("/api/auth", authRoutes(deps));
  app.route("/api/wallets", walletsRoutes(deps));
  app.route("/api/groups", groupsRoutes(deps));
  app.route("/api/chains", chainsRoutes(deps));
  app.route("/api/health", healthRoutes(deps));
  // Before the nodes' own, where an id could be anything.
  app.route("/api/nodes", jobNodeRoutes(deps));
  app.route("/api/nodes", nodesRoutes(deps));
  app.route("/api/files", filesRoutes(deps));
  app.route("/api/jobs", jobsRoutes(deps));
  app.route("/api/notifications", notificationsRoutes(deps));
  app.route("/api/keys", keysRoutes(deps));
  app.route("/api/v1", gatewayRoutes(deps));
  app.route("/api/chat", chatRoutes(deps));
  app.route("/api/models", modelsRoutes(deps));
  app.route("/api/models", versionsRoutes(deps));
  app.route("/api/uploads", uploadsRoutes(deps));
  app.route("/api/group-revenue", groupRevenueRoutes(deps));
  app.route("/api/marketplace", marketplaceRoutes(deps));
  app.route("/api/payments", paymentsRoutes(deps));
  app.route("/api/publishing", publishingRoutes(deps));
  app.route("/api/subscriptions", subscriptionsRoutes(deps));
  app.route("/api/admin", adminRoutes(deps));
  app.route("/api/admin/nodes/invites", adminInvitesRoutes(deps));
  app.route("/api/admin/jobs", adminJobsRoutes(deps));
  app.route("/api/revenue", revenueRoutes(deps));
}
