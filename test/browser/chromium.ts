import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { type Browser, chromium, type Page } from "playwright-core";

/** Debian's; another by environment. */
export const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
}

/** A page of a fresh context: its own cookies, a desktop's or a phone's width. */
export async function openPage(
  browser: Browser,
  { dark = false, phone = false }: { dark?: boolean; phone?: boolean } = {},
): Promise<Page> {
  const context = await browser.newContext({
    colorScheme: dark ? "dark" : "light",
    viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 900 },
  });
  return context.newPage();
}

/** Where screenshots are kept; ignored by git, kept by CI. */
const folder = "test-results/screenshots";

export async function shoot(page: Page, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** What axe finds wrong with the page as it is, as short lines; none when it is fine. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}`));
}
