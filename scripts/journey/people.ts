import { demoAccount } from "@aiforge/contracts";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";

type Role = Parameters<typeof demoAccount>[0];

/** Someone with a browser of their own, who signs with the demo wallet. */
export class Person {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained about: errors of scripts, and what the content policy refused. */
  readonly complaints: string[] = [];

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      const text = message.text();
      // Asking who is signed in is answered by 401 when nobody is; the browser reports every such answer.
      if (message.type() !== "error" || text.includes("status of 401")) return;
      this.complaints.push(`${text} (${message.location().url})`);
    });
  }

  static async arrive(browser: Browser, baseURL: string): Promise<Person> {
    const context = await browser.newContext({
      baseURL,
      viewport: { width: 1280, height: 900 },
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(60_000);
    return new Person(context, await context.newPage());
  }

  /** Takes out the complaints about answers that had to come. @returns of how many */
  expected(status: number): number {
    const others = this.complaints.filter((text) => !text.includes(`status of ${status}`));
    const count = this.complaints.length - others.length;
    this.complaints.splice(0, Infinity, ...others);
    return count;
  }

  byTestId(id: string): Locator {
    return this.page.getByTestId(id);
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** Goes to a page and waits until it can be used: until then clicks would go nowhere. */
  async visit(path: string): Promise<void> {
    await this.page.goto(path);
    await this.page.waitForLoadState("networkidle");
  }

  /** Waits until the page that follows the sign-in is there: going elsewhere before, one would be taken back to it. */
  async signedIn(): Promise<void> {
    await this.byTestId("account-menu").waitFor();
    await this.page.waitForURL((url) => url.pathname !== "/sign-in");
  }

  /** Connects a wallet by EIP-6963. */
  async chooseWallet(name: string): Promise<void> {
    await this.byTestId("connect-wallet").click();
    await this.byTestId("wallet-dialog").getByRole("button", { name }).click();
  }

  /** Connects a demo wallet, as one of its accounts. */
  async connectWallet(role: Role, wallet = "Demo wallet"): Promise<void> {
    const { name } = demoAccount(role);
    await this.chooseWallet(wallet);
    await this.byTestId("demo-wallet").getByRole("button", { name }).click();
    await this.byTestId("wallet-menu").waitFor();
  }

  /** Signs what the demo wallet asks for. @returns what it showed */
  async sign(what: "message" | "transaction" | "payment"): Promise<string> {
    const dialog = this.byTestId("demo-wallet");
    const button = dialog.getByRole("button", { name: `Sign ${what}` });
    await button.waitFor();
    const shown = (await dialog.textContent()) ?? "";
    await button.click();
    await button.waitFor({ state: "detached" });
    return shown;
  }
}
