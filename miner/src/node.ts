import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { LocalAccount } from "viem";
import type { Config } from "./config.ts";
import { type Link, stayConnected } from "./connection.ts";
import { openControl } from "./control.ts";
import { EmbeddedLoader } from "./engines/embedded.ts";
import type { EngineLoader } from "./engines/engine.ts";
import { OpenAILoader } from "./engines/openai.ts";
import { describe } from "./errors.ts";
import { machineFigures } from "./heartbeat.ts";
import { TokenStore } from "./identity.ts";
import { Jobs } from "./jobs/jobs.ts";
import { lockFolder } from "./jobs/lock.ts";
import type { Logger } from "./logger.ts";
import { Models } from "./models.ts";
import type { InboundFrame, WantedModel } from "./protocol.ts";
import { register } from "./registration.ts";
import { Serving } from "./serving.ts";
import { VERSION } from "./version.ts";
import { WeightsStore } from "./weights/store.ts";

/** Between two heartbeats by HTTP, while there is no WebSocket. */
const HTTP_HEARTBEAT_MS = 30_000;

/** The engine that the configuration names. */
export function createLoader(config: Config): EngineLoader {
  const { concurrency, context, gpu, models, threads, upstreamKey, upstreamUrl } = config;
  if (config.engine === "embedded")
    return new EmbeddedLoader({ concurrency, maxContext: context, gpu, threads });
  return new OpenAILoader({
    url: upstreamUrl ?? "",
    key: upstreamKey,
    modelName: (modelId) => (models === "all" ? null : (models.get(modelId.toLowerCase()) ?? null)),
  });
}

/**
 * Runs a node until `stop` aborts, which its operator can also tell it to: registers, stays connected, beats, fetches,
 * serves.
 * @throws MinerError when it cannot go on without its operator
 */
export async function runNode(
  config: Config,
  account: LocalAccount,
  log: Logger,
  stop: AbortController,
): Promise<void> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(config.dataDir);
  try {
    await runLocked(config, account, log, stop);
  } finally {
    unlock();
  }
}

async function runLocked(
  config: Config,
  account: LocalAccount,
  log: Logger,
  stop: AbortController,
): Promise<void> {
  const { apiUrl, concurrency, dataDir } = config;
  const startedAt = new Date().toISOString();
  const ending = stop.signal;
  let draining = false;
  const tokens = new TokenStore(dataDir, apiUrl, account.address);
  let token: string | null = null;
  let link: Link | null = null;
  let beat: NodeJS.Timeout | undefined;

  const loader = createLoader(config);
  const models = new Models({
    loader,
    store: new WeightsStore({
      dir: join(dataDir, "weights"),
      apiUrl,
      token: () => token,
      onCut: (cid, cut) => log.warn({ cid, ...cut }, "a download was cut, and goes on"),
    }),
    selects: (modelId) => config.models === "all" || config.models.has(modelId.toLowerCase()),
    onChange: () => tellModels(),
    log,
  });
  const serving = new Serving({
    capacity: concurrency,
    servedOf: (modelId) => models.servedOf(modelId),
    log,
  });
  const jobs = new Jobs({
    config: config.jobs,
    apiUrl,
    dataDir,
    account,
    token: () => token,
    engineOf: (modelId) => models.servedOf(modelId)?.engine ?? null,
    onChange: () => {
      if (link) void sendHeartbeat(link);
    },
    log,
  });

  /** Follows the list of wanted models, and says which the operator chose in vain. */
  function want(wanted: WantedModel[]): void {
    models.want(wanted);
    if (config.models === "all") return;
    const known = new Set(wanted.map(({ modelId }) => modelId.toLowerCase()));
    const idle = [...config.models.keys()].filter((modelId) => !known.has(modelId));
    if (idle.length > 0)
      log.warn(
        { models: idle },
        "nobody asks this node to serve these: not published, or protected and this node is not verified",
      );
  }

  /** A node that drains offers no model: what it is asked already it answers. */
  function tellModels(): void {
    link?.send({ type: "models", models: draining ? [] : models.states });
  }

  async function currentToken(stale: boolean): Promise<string> {
    token = stale ? null : (token ?? (await tokens.read()));
    if (token === null) {
      const figures = await machineFigures(dataDir);
      const capabilities = {
        ...figures,
        version: VERSION,
        platform: `${process.platform}-${process.arch}`,
        engine: config.engine,
        capacity: concurrency,
        jobs: jobs.capability,
      };
      const registered = await register({
        apiUrl,
        account,
        name: config.name,
        capabilities,
        invite: config.invite,
        signal: ending,
      });
      token = registered.token;
      await tokens.write(token);
      log.info({ nodeId: registered.nodeId, address: account.address }, "registered");
    }
    return token;
  }

  async function figures() {
    const { attempts, capability } = jobs;
    return { ...(await machineFigures(dataDir)), active: serving.active, attempts, jobs: capability };
  }

  async function sendHeartbeat(to: Link): Promise<void> {
    try {
      to.send({ type: "heartbeat", ...(await figures()) });
    } catch (error) {
      log.warn({ reason: describe(error) }, "the machine could not be measured");
    }
  }

  /** What a WebSocket that cannot be had would tell: jobs go on without one. */
  async function beatByHttp(): Promise<void> {
    if (link !== null || token === null) return;
    try {
      const body = { ...(await figures()), models: draining ? [] : models.states };
      for (const attemptId of await jobs.coordinator.heartbeat(body, ending)) jobs.cancel(attemptId);
    } catch (error) {
      log.debug({ reason: describe(error) }, "no heartbeat");
    }
  }

  function onFrame(frame: InboundFrame, from: Link): void {
    switch (frame.type) {
      case "welcome":
        log.info({ nodeId: frame.nodeId, wanted: frame.wanted.length }, "connected");
        clearInterval(beat);
        beat = setInterval(() => void sendHeartbeat(from), frame.heartbeatSeconds * 1_000);
        void sendHeartbeat(from);
        want(frame.wanted);
        return;
      case "wanted":
        want(frame.wanted);
        return;
      case "inference":
        serving.start(frame, from);
        return;
      case "cancel":
        serving.cancel(frame.id);
        return;
      case "work":
        jobs.offer(frame.work);
        return;
      case "job_cancel":
        // Told again for a while, lest it is missed.
        if (jobs.attempts.includes(frame.attemptId))
          log.info({ attemptId: frame.attemptId, reason: frame.reason }, "a job was cancelled");
        jobs.cancel(frame.attemptId);
        return;
      case "job_probe":
        void jobs
          .probe(frame)
          .then((result) => from.send({ type: "job_probe_result", id: frame.id, ...result }));
        return;
      case "ping":
        from.send({ type: "pong" });
        return;
    }
  }

  const control = {
    status: () => ({
      version: VERSION,
      startedAt,
      connected: link !== null,
      draining,
      active: serving.active,
      attempts: jobs.attempts,
      models: models.states.map(({ modelId, state }) => ({ modelId, state })),
      jobs: jobs.capability.enabled,
    }),
    drain: (on: boolean) => {
      if (on === draining) return;
      draining = on;
      log.info(on ? "draining: no new work is taken" : "work is taken again");
      jobs.drain(on);
      tellModels();
    },
    stop: () => stop.abort(),
  };
  const closeControl = await openControl(dataDir, control).catch((error) => {
    log.warn({ reason: describe(error) }, "status and drain cannot reach this process");
    return async () => {};
  });

  const beats = setInterval(() => void beatByHttp(), HTTP_HEARTBEAT_MS);
  try {
    await jobs.start();
    await stayConnected(
      {
        apiUrl,
        token: currentToken,
        onOpen: (opened) => {
          link = opened;
          opened.send({
            type: "hello",
            version: VERSION,
            capacity: concurrency,
            models: draining ? [] : models.ready,
            jobs: jobs.capability,
          });
          tellModels();
        },
        onFrame,
        onClose: async () => {
          link = null;
          clearInterval(beat);
          await serving.abortAll();
        },
        log,
      },
      ending,
    );
  } finally {
    clearInterval(beat);
    clearInterval(beats);
    await jobs.close();
    await serving.abortAll();
    await models.close();
    await loader.dispose();
    // Last: whoever waits for this node to be gone looks at it.
    await closeControl();
  }
}
