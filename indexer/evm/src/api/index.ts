import { Hono } from "hono";

/** Ponder wants an app here; the mirror serves only Ponder's own /health, /ready, /status and /metrics. */
export default new Hono();
