// openid-client and express-openid-connect: what the developer of a web app with a server gets.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import express from 'express';
import openidConnect from 'express-openid-connect';
import * as oidc from 'openid-client';
import { startFor, stopAll } from './support/apps.mjs';
import { fresh, launch, noBrowser } from './support/chromium.mjs';
import { logIn } from './support/hosted.mjs';
import { serveApp } from './support/spa.mjs';

const audience = 'https://things.example/';
const secrets = {
  'web-basic': 'b+s/c %:&=?é~-longer-than-it-needs-to-be',
  'web-post': 'p+s/t %:&=?é~-longer-than-it-needs-to-be',
};

describe('openid-client', { skip: noBrowser }, () => {
  let app; let dev; let browser; let context; let page;

  before(async () => {
    app = await serveApp();
    dev = await startFor(app);
    browser = await launch();
  });
  after(() => stopAll(browser, dev, app));
  beforeEach(async () => {
    context = await fresh(browser);
    page = await context.newPage();
  });
  afterEach(() => context.close());

  const discover = (client, authentication) => oidc.discovery(new URL(dev.issuer), client, undefined, authentication, {
    execute: [oidc.allowInsecureRequests],
  });
  async function byKey() {
    const der = dev.key.export({ type: 'pkcs8', format: 'der' });
    return oidc.PrivateKeyJwt(await webcrypto.subtle.importKey('pkcs8', der, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']));
  }
  const methods = {
    client_secret_basic: async () => discover('web-basic', oidc.ClientSecretBasic(secrets['web-basic'])),
    client_secret_post: async () => discover('web-post', oidc.ClientSecretPost(secrets['web-post'])),
    private_key_jwt: async () => discover('web-key', await byKey()),
  };

  async function logInWith(config) {
    const verifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    const address = oidc.buildAuthorizationUrl(config, {
      redirect_uri: `${app.origin}/callback`, scope: 'openid profile email offline_access', state, nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    });
    await page.goto(address.href);
    await logIn(page, 'ada@example.com');
    await page.waitForURL((url) => url.origin === app.origin);
    return oidc.authorizationCodeGrant(config, new URL(page.url()), {
      pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
    });
  }

  for (const [method, configure] of Object.entries(methods)) {
    test(`code with PKCE, userinfo, refresh and a machine's token by ${method}`, async () => {
      const config = await configure();
      const tokens = await logInWith(config);
      const { sub, email } = tokens.claims();
      assert.equal(email, 'ada@example.com');
      const profile = await oidc.fetchUserInfo(config, tokens.access_token, sub);
      assert.equal(profile.email, 'ada@example.com');

      const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      assert.equal(renewed.claims().sub, sub);
      assert.equal((await oidc.fetchUserInfo(config, renewed.access_token, sub)).sub, sub);

      await oidc.tokenRevocation(config, tokens.refresh_token);
      await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });

      const machine = await oidc.clientCredentialsGrant(config, { audience });
      assert.equal(machine.scope, 'read:things');
    });
  }

  test('a wrong secret is refused as access_denied', async () => {
    const byForm = await discover('web-basic', oidc.ClientSecretPost('wrong'));
    await assert.rejects(oidc.clientCredentialsGrant(byForm, { audience }), { status: 401, error: 'access_denied' });
    // By Basic the answer carries a challenge as well (RFC 6749 §5.2), which openid-client puts first.
    const byBasic = await discover('web-basic', oidc.ClientSecretBasic('wrong'));
    await assert.rejects(oidc.clientCredentialsGrant(byBasic, { audience }), { status: 401, code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE' });
  });

  test('end_session_endpoint ends the session and leads back to the app', async () => {
    const config = await methods.client_secret_basic();
    const tokens = await logInWith(config);
    const address = oidc.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token, post_logout_redirect_uri: `${app.origin}/bye`, state: 'after',
    });
    await page.goto(address.href);
    assert.equal(page.url(), `${app.origin}/bye?state=after`);
    // Who comes again is asked again.
    await page.goto(oidc.buildAuthorizationUrl(config, { redirect_uri: `${app.origin}/callback`, scope: 'openid' }).href);
    await page.getByRole('button', { name: 'Log in', exact: true }).waitFor();
  });

  test('an address that is not allowed is no way out', async () => {
    const config = await methods.client_secret_basic();
    const tokens = await logInWith(config);
    const address = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: 'http://evil.example/' });
    const answer = await page.goto(address.href);
    assert.equal(answer.status(), 400);
    assert.equal(new URL(page.url()).origin, dev.origin);
  });
});

describe('express-openid-connect', { skip: noBrowser }, () => {
  let app; let dev; let browser; let context;

  before(async () => {
    const web = express();
    const server = createServer(web);
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    app = {
      origin: `http://127.0.0.1:${server.address().port}`,
      stop: () => new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
    };
    dev = await startFor(app);
    browser = await launch();
    context = await fresh(browser);
    web.use(openidConnect.auth({
      issuerBaseURL: dev.origin, baseURL: app.origin, clientID: 'web-post', clientSecret: secrets['web-post'],
      clientAuthMethod: 'client_secret_post', secret: 'a secret of the app, which seals its own cookies', authRequired: false, idpLogout: true,
      authorizationParams: { response_type: 'code', response_mode: 'query', scope: 'openid profile email' },
      session: { cookie: { secure: false } },
    }));
    web.get('/', (request, response) => {
      response.json({ in: request.oidc.isAuthenticated(), email: request.oidc.user?.email ?? null });
    });
  });
  after(() => stopAll(browser, dev, app));

  test('a person logs in, is known, and logs out everywhere', async () => {
    const page = await context.newPage();
    const shown = async () => JSON.parse(await page.locator('body').innerText());
    await page.goto(app.origin);
    assert.deepEqual(await shown(), { in: false, email: null });
    await page.goto(`${app.origin}/login`);
    await logIn(page, 'ada@example.com');
    await page.waitForURL(`${app.origin}/`);
    assert.deepEqual(await shown(), { in: true, email: 'ada@example.com' });
    await page.goto(`${app.origin}/logout`);
    await page.waitForURL((url) => url.origin === app.origin);
    assert.deepEqual(await shown(), { in: false, email: null });
    await page.goto(`${app.origin}/login`);
    await page.getByRole('button', { name: 'Log in', exact: true }).waitFor();
  });
});
