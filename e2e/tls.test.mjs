// `latchkey dev --tls`: the printed authority, the cookies, and a log-in by https.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { startFor, stopAll } from './support/apps.mjs';
import { fresh, launch, noBrowser, tolerant } from './support/chromium.mjs';
import { choose, logIn } from './support/hosted.mjs';
import { startDev } from './support/latchkey.mjs';
import { createClient, finish, openApp, serveApp } from './support/spa.mjs';

const run = promisify(execFile);

/** The path that dev prints before everything else. */
const authority = (dev) => dev.out().split('\n')[0];

describe('latchkey dev --tls', () => {
  let dev;
  before(async () => { dev = await startDev({ args: ['--tls'] }); });
  after(() => stopAll(dev));

  test('node reaches discovery by the printed authority, and not without it', async () => {
    const program = `fetch(${JSON.stringify(`${dev.issuer}.well-known/openid-configuration`)})
      .then((answer) => answer.json()).then((document) => console.log(document.issuer))`;
    const { stdout } = await run(process.execPath, ['-e', program], { env: { ...process.env, NODE_EXTRA_CA_CERTS: authority(dev) } });
    assert.equal(stdout.trim(), dev.issuer);
    const { NODE_EXTRA_CA_CERTS: _, ...stranger } = process.env;
    await assert.rejects(run(process.execPath, ['-e', program], { env: stranger }), /UNABLE_TO|SELF_SIGNED|unable to/i);
  });

  test('cookies are of this host alone and serve frames of other sites', async () => {
    const query = new URLSearchParams({
      client_id: 'latchkey-demo-spa-local-dev-only', redirect_uri: `${dev.issuer}dev/app`, response_type: 'code', scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
    });
    const headers = await new Promise((resolve, reject) => {
      https.get(`${dev.issuer}authorize?${query}`, { ca: readFileSync(authority(dev)) }, (answer) => {
        answer.resume();
        resolve(answer.headers);
      }).once('error', reject);
    });
    const cookies = headers['set-cookie'];
    assert.equal(cookies.length, 1);
    for (const cookie of cookies) {
      assert.match(cookie, /^__Host-/);
      const attributes = cookie.split('; ').slice(1);
      for (const attribute of ['Path=/', 'HttpOnly', 'Secure', 'SameSite=None']) assert.ok(attributes.includes(attribute), cookie);
      assert.doesNotMatch(cookie, /domain=/i);
    }
    assert.match(headers['strict-transport-security'], /max-age=\d+/);
  });

  test('a person comes by a simulated provider', { skip: noBrowser }, async () => {
    const browser = await launch(['--ignore-certificate-errors']);
    try {
      const page = await (await fresh(browser)).newPage();
      await page.goto(`${dev.issuer}dev/app`);
      await page.getByRole('button', { name: 'Log in with Google' }).click();
      await choose(page, /Ada Byron/);
      await page.getByRole('status').filter({ hasText: 'Logged in as Ada Byron' }).waitFor();
      await page.getByRole('button', { name: 'Renew silently' }).click();
      await page.getByRole('status').filter({ hasText: 'Renewed without asking' }).waitFor();
    } finally {
      await browser.close();
    }
  });
});

// The app is at http://localhost, the issuer at https://127.0.0.1: two sites. Whether a hidden frame of another site gets its
// cookies is up to the browser and its person. Where they are blocked, as in private windows, the SDK hears login_required,
// and refresh tokens are the way (Auth0: Configure Silent Authentication).
for (const blocked of [false, true]) {
  describe(`an app of another site, third-party cookies ${blocked ? 'blocked' : 'allowed'}`, { skip: noBrowser }, () => {
    let app; let dev; let browser; let page; let options; let context;

    before(async () => {
      app = await serveApp('localhost');
      dev = await startFor(app, { args: ['--tls'] });
      options = { domain: dev.origin, clientId: 'spa-app' };
      const flags = ['--ignore-certificate-errors'];
      if (blocked) browser = await launch(flags);
      context = blocked ? await fresh(browser) : await tolerant(flags);
    });
    after(() => stopAll(browser ?? context, dev, app));

    async function begin(given) {
      await context.clearCookies();
      page = await context.newPage();
      await openApp(page, app, given);
      await page.evaluate(() => { client.loginWithRedirect(); });
      await logIn(page, 'ada@example.com');
      await finish(page, app, given);
    }
    const silently = () => page.evaluate(() => client.getTokenSilently({ cacheMode: 'off' }).then(() => 'renewed', (err) => err.error));

    test(`a hidden frame ${blocked ? 'finds nobody' : 'renews the session'}`, async () => {
      await begin(options);
      assert.equal(await silently(), blocked ? 'login_required' : 'renewed');
    });

    test('a refresh token renews it', async () => {
      const refreshing = { ...options, useRefreshTokens: true };
      await begin(refreshing);
      assert.equal(await silently(), 'renewed');
      await page.reload();
      await createClient(page, refreshing);
      assert.equal(await silently(), 'renewed');
    });
  });
}
