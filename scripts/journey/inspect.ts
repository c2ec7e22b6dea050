import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { ROOT } from "../supervisor/config.ts";

export const SCREENSHOTS = join(ROOT, ".cache/screenshots");

const LOOKS = [
  { name: "light", colorScheme: "light", width: 1280, height: 900, axe: true },
  { name: "dark", colorScheme: "dark", width: 1280, height: 900, axe: false },
  { name: "phone", colorScheme: "light", width: 360, height: 740, axe: false },
  { name: "phone-dark", colorScheme: "dark", width: 360, height: 740, axe: true },
] as const;

const DIALOG = "[role=dialog]";

/** Run in the page: waits for what fades or moves to its end. */
const FADED = `Promise.allSettled(
  document
    .getAnimations()
    .filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
    .map(({ finished }) => finished),
).then(() => {})`;

/**
 * Looks at a page in light, dark and on a phone: takes its picture, and lists what axe finds and what is wider than
 * the screen.
 * @param path the page; left out: what is open now, e.g. a dialog
 * @returns a line for each problem
 */
export async function inspect(page: Page, name: string, path?: string): Promise<string[]> {
  await mkdir(SCREENSHOTS, { recursive: true });
  const problems: string[] = [];
  if (path) {
    await page.goto(path);
    await page.waitForLoadState("networkidle");
  }
  for (const look of LOOKS) {
    await page.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width: look.width, height: look.height });
    // Colours fade from one look to the next, and pictures are drawn anew.
    await page.waitForTimeout(300);
    await page.evaluate(FADED);
    await page.screenshot({
      path: join(SCREENSHOTS, `${name}-${look.name}.png`),
      fullPage: path !== undefined,
    });
    const width = await page.locator("html").evaluate((html) => html.scrollWidth);
    if (width > look.width) problems.push(`${name} (${look.name}) is ${width} px wide`);
    // Both colours and both widths, not each with each: axe takes seconds.
    if (!look.axe) continue;
    const axe = new AxeBuilder({ page });
    // What is behind a dialog cannot be used, and is looked at by itself.
    if (!path && (await page.locator(DIALOG).count()) > 0) axe.include(DIALOG);
    const { violations } = await axe.analyze();
    for (const { id, help, nodes } of violations) {
      problems.push(`${name} (${look.name}) ${id}: ${help} at ${nodes[0]?.target.join(" ")}`);
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  return problems;
}

/** Takes a picture of every page that is open, as they are after a failure. */
export async function photograph(browser: Browser): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true });
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [index, page] of pages.entries()) {
    // One that hangs has no picture; the others' still help.
    await page.screenshot({ path: join(SCREENSHOTS, `failed-${index}.png`) }).catch(() => {});
  }
}
