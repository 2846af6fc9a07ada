// The browser that people have, driven from outside.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = process.env.E2E_CHROMIUM ?? '/usr/bin/chromium';

/** What to give as a test's `skip`. Where tests must run (CI=true) a missing browser is an error instead. */
export const noBrowser = missing();

function missing() {
  if (existsSync(executablePath)) return false;
  const message = `${executablePath} is missing: install Debian's chromium, or name another by E2E_CHROMIUM`;
  if (process.env.CI === 'true') throw new Error(message);
  console.error(`\n*** BROWSER TESTS ARE SKIPPED: ${message} ***\n`);
  return message;
}

/** Starts a browser. */
export function launch(args = []) {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...args,
    ],
  });
}

/** A fresh profile whose pages give up sooner than a test does. */
export async function fresh(browser, options = {}) {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  context.setDefaultTimeout(15_000);
  return context;
}
