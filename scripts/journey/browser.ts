import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";
import { runQuiet } from "../suite/run.ts";
import { ROOT } from "../supervisor/config.ts";

const PACKAGE = "@sparticuz/chromium";
const VERSION = "153.0.0";
const FOLDER = join(ROOT, ".cache/chromium");

/** What the journey starts a browser with. */
export const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const ELSEWHERE = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

export type FoundBrowser = { path: string } | { path: null; reason: string };

/**
 * The browser for the journey: `BROWSER_PATH`, the system's Chromium or Chrome, else one from npm (Linux). Each is
 * tried before it is believed.
 */
export async function findBrowser(log: (line: string) => void): Promise<FoundBrowser> {
  const given = process.env.BROWSER_PATH;
  if (given) {
    if (await starts(given)) return { path: given };
    return { path: null, reason: `BROWSER_PATH is ${given}, which does not start.` };
  }
  for (const path of installedBrowsers()) if (await starts(path)) return { path };
  if (process.env.CI === "true") return { path: null, reason: "Neither Chromium nor Chrome is installed." };
  log(`Neither Chromium nor Chrome is installed; fetching ${PACKAGE} ${VERSION} …`);
  return fetchBrowser();
}

function installedBrowsers(): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...found, ...ELSEWHERE].filter((path) => existsSync(path));
}

async function fetchBrowser(): Promise<FoundBrowser> {
  const advice = "install Chromium or Chrome, or set BROWSER_PATH.";
  await mkdir(FOLDER, { recursive: true });
  const { code } = await runQuiet({
    command: "npm",
    args: ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", FOLDER, `${PACKAGE}@${VERSION}`],
  });
  if (code !== 0) return { path: null, reason: `${PACKAGE} could not be fetched; ${advice}` };
  try {
    const require = createRequire(join(FOLDER, "package.json"));
    const { default: fetched } = await import(require.resolve(PACKAGE));
    const path: string = await fetched.executablePath();
    if (await starts(path)) return { path };
  } catch {
    // Said below, together with one that does not start.
  }
  return { path: null, reason: `${PACKAGE} does not start on this system; ${advice}` };
}

/** Whether it gets as far as a page: a version alone is printed by many that then lack a library. */
async function starts(path: string): Promise<boolean> {
  try {
    const browser = await chromium.launch({ executablePath: path, args: CHROMIUM_FLAGS, timeout: 60_000 });
    try {
      const page = await browser.newPage();
      await page.goto("data:text/html,<p>starts</p>");
      return (await page.textContent("p")) === "starts";
    } finally {
      await browser.close();
    }
  } catch {
    return false;
  }
}
