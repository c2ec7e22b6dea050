import { chmod, readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { privateKeyToAccount } from "viem/accounts";
import { expect, it } from "vitest";
import type { CommandLine } from "./run.ts";

const TIMEOUT = 300_000;

/** A node that is well: registered, running, with no gas. */
interface Patient {
  cli: CommandLine;
  /** Of the API. */
  url: string;
  home: string;
  keyFile: string;
}

interface Findings {
  ok: boolean;
  warnings: number;
  findings: { name: string; state: string; detail: string; fix: string | null }[];
}

/** The doctor's findings by name, and its exit code. */
async function examine(cli: CommandLine, args: string[]) {
  const { code, ok, findings } = await cli.json<Findings>(["doctor", ...args]);
  expect(ok).toBe(code === 0);
  for (const { state, fix } of findings)
    expect(fix === null, "a fix for whatever is not well").toBe(state === "ok");
  return { code, of: (name: string) => findings.find((finding) => finding.name === name) };
}

/** What `doctor` finds, in a file whose set-up makes the patient. */
export function doctorCases(patient: () => Patient): void {
  it(
    "has a doctor who finds a healthy node healthy, and a wallet without gas worth a warning",
    async () => {
      const { code, of } = await examine(patient().cli, []);
      expect(code).toBe(0);
      const { address } = privateKeyToAccount(
        (await readFile(patient().keyFile, "utf8")).trim() as `0x${string}`,
      );
      for (const name of [
        "wallet key",
        "dial-out",
        "registration",
        "clock",
        "chain",
        "disk",
        "containers",
        "engine",
      ])
        expect(of(name)?.state, `${name}: ${of(name)?.detail}`).toBe("ok");
      expect(of("API")?.detail).toMatch(/version \d+\.\d+/);
      expect(of("wallet key")?.detail).toContain(address);
      expect(of("gas")).toMatchObject({ state: "warning", fix: expect.stringContaining(address) });
      const text = await patient().cli.run(["doctor"]);
      expect(text.output).toMatch(/⚠ gas +0 ETH.*\n +→ Send about/);
      expect(text.output).toMatch(/The node can start; \d things? (is|are) worth a look/);
    },
    TIMEOUT,
  );

  it(
    "has a doctor who names a missing engine, an open key file and an API that is away, each with its fix",
    async () => {
      const missing = await examine(patient().cli, [
        "--jobs",
        "on",
        "--docker-host",
        `unix://${patient().home}/no.sock`,
      ]);
      expect(missing.code).toBe(1);
      expect(missing.of("containers")).toMatchObject({
        state: "problem",
        detail: expect.stringContaining("no.sock"),
        fix: expect.stringContaining("systemctl start docker"),
      });
      await chmod(patient().keyFile, 0o644);
      const open = await examine(patient().cli, []);
      await chmod(patient().keyFile, 0o600);
      expect(open.code).toBe(1);
      expect(open.of("wallet key")).toMatchObject({
        state: "problem",
        fix: `chmod 600 ${patient().keyFile}`,
      });
      const away = await examine(patient().cli, ["--api-url", "http://127.0.0.1:9"]);
      expect(away.code).toBe(1);
      expect(away.of("API")).toMatchObject({ state: "problem", fix: expect.stringContaining("--api-url") });
      // One cause is one problem.
      for (const name of ["dial-out", "clock", "chain"]) expect(away.of(name)?.state, name).toBe("warning");
      const nowhere = await examine(patient().cli, ["--rpc-url", "http://127.0.0.1:9"]);
      expect(nowhere.of("chain")).toMatchObject({
        state: "problem",
        detail: expect.stringContaining("chain"),
      });
    },
    TIMEOUT,
  );

  it(
    "has a doctor who sees a clock that is wrong",
    async () => {
      // The API behind a proxy that passes everything on but upgrades, and whose clock runs ten minutes ahead.
      const proxy = createServer((asked, answer) => {
        const { connection: _connection, upgrade: _upgrade, ...headers } = asked.headers;
        const passed = request(new URL(asked.url ?? "/", patient().url), { method: asked.method, headers });
        passed.on("response", (response) => {
          const date = new Date(Date.now() + 600_000).toUTCString();
          answer.writeHead(response.statusCode ?? 502, { ...response.headers, date });
          response.pipe(answer);
        });
        asked.pipe(passed);
      });
      await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
      const { code, of } = await examine(patient().cli, [
        "--api-url",
        `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      ]);
      proxy.closeAllConnections();
      proxy.close();
      expect(code).toBe(1);
      expect(of("clock")).toMatchObject({
        state: "problem",
        detail: expect.stringMatching(/^(599|600|601) s behind the API's$/),
        fix: expect.stringContaining("timedatectl"),
      });
      expect(of("dial-out")).toMatchObject({ state: "warning", fix: expect.stringContaining("WebSockets") });
    },
    TIMEOUT,
  );
}
