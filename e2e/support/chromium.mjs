// The browser that people have, driven from outside.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Starts a browser, whose contexts are like private windows. */
export function launch(more = []) {
  return chromium.launch({ executablePath, args: [...flags, ...more] });
}

/**
 * Starts a browser with a profile of its own, whose person lets frames of other sites have their cookies (in the settings,
 * "Allow third-party cookies"). Browsers differ in what they do unasked.
 */
export async function tolerant(more = []) {
  const profile = mkdtempSync(join(tmpdir(), 'latchkey-e2e-'));
  process.on('exit', () => rmSync(profile, { recursive: true, force: true }));
  mkdirSync(join(profile, 'Default'));
  const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
  writeFileSync(join(profile, 'Default/Preferences'), JSON.stringify(preferences));
  return patient(await chromium.launchPersistentContext(profile, { executablePath, args: [...flags, ...more], locale: 'en-US' }));
}

/** A fresh private window. */
export async function fresh(browser, options = {}) {
  return patient(await browser.newContext({ locale: 'en-US', ...options }));
}

// Pages give up sooner than a test does, and then say what they waited for.
function patient(context) {
  context.setDefaultTimeout(15_000);
  return context;
}
