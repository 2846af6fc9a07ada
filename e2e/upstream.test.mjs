// A log-in through somebody else's OpenID provider, which runs as a process of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { startFor, stopAll } from './support/apps.mjs';
import { fresh, launch, noBrowser } from './support/chromium.mjs';
import { freePort, here, until } from './support/latchkey.mjs';
import { createClient, finish, openApp, serveApp } from './support/spa.mjs';

async function startProvider(port, redirectUri) {
  const child = spawn(process.execPath, [join(here, 'support/provider.mjs'), String(port), redirectUri], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { said += text; });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  await until('the provider to listen', () => {
    if (child.exitCode !== null) throw new Error(`the provider ended: ${said}`);
    return said.includes('listening at');
  });
  return {
    async stop() {
      process.off('exit', kill);
      child.kill('SIGTERM');
      await ended;
    },
  };
}

describe('a connection to another OpenID provider', { skip: noBrowser }, () => {
  let app; let dev; let provider; let browser; let context; let page; let options;

  before(async () => {
    const [port, providerPort] = [await freePort(), await freePort()];
    provider = await startProvider(providerPort, `http://127.0.0.1:${port}/login/callback`);
    app = await serveApp();
    dev = await startFor(app, { port, tenant: 'upstream.yaml', env: { PROVIDER: `http://127.0.0.1:${providerPort}` } });
    browser = await launch();
    options = { domain: dev.origin, clientId: 'spa-app' };
  });
  after(() => stopAll(browser, dev, provider, app));
  beforeEach(async () => {
    context = await fresh(browser);
    page = await context.newPage();
  });
  afterEach(() => context.close());

  async function logInThrough(name) {
    await openApp(page, app, options);
    await page.evaluate(() => { client.loginWithRedirect(); });
    await page.getByRole('link', { name: `Continue with ${name}` }).click();
    await page.getByPlaceholder('Enter any login').fill('linus');
    await page.getByPlaceholder('and password').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
  }

  test('ends with tokens of ours and the claims that the provider vouched for', async () => {
    await logInThrough('Panva');
    await finish(page, app, options);
    const token = await page.evaluate(() => client.getTokenSilently());
    const answer = await fetch(`${dev.issuer}userinfo`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200);
    const { updated_at: updated, picture, ...profile } = await answer.json();
    assert.ok(updated && picture);
    assert.deepEqual(profile, {
      sub: 'oidc|panva|linus', name: 'Linus Example', given_name: 'Linus', family_name: 'Example', nickname: 'lin',
      locale: 'fi-FI', zoneinfo: 'Europe/Helsinki', email: 'linus@provider.example', email_verified: true,
    });
    assert.equal((await page.evaluate(() => client.getUser())).sub, profile.sub);
  });

  test('a wrong client secret comes back to the app as a clear error', async () => {
    await logInThrough('Misconfigured');
    await page.waitForURL((url) => url.origin === app.origin);
    await createClient(page, options);
    const { error, text } = await page.evaluate(() => client.handleRedirectCallback().then(
      () => ({}), (err) => ({ error: err.error, text: err.error_description })));
    // The provider said invalid_client; to the app it is this server that may not use the provider.
    assert.deepEqual({ error, text }, { error: 'unauthorized_client', text: 'client authentication failed' });
  });
});
