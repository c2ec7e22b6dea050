// `npm start`: gets Node 24 and the dependencies, then hands over to the supervisor.
// Plain JavaScript without dependencies: it runs before anything is installed, on Node 20 or newer.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { bootstrap, reportAndExit } from "./bootstrap.mjs";

const supervisor = fileURLToPath(new URL("./supervisor/main.ts", import.meta.url));

try {
  const { node, env } = await bootstrap();
  // The channel is how the supervisor learns that this process is gone, even when it was killed.
  const child = spawn(node, [supervisor, ...process.argv.slice(2)], {
    env,
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  // npm was killed: nobody is left to pass a signal on.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event) {
    setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), 500).unref();
  }
  child.once("error", reportAndExit);
  child.once("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
} catch (error) {
  reportAndExit(error);
}
