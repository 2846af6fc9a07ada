// auth0-spa-js against the hosted pages: what a single-page app's person and developer get.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fresh, launch, noBrowser } from './support/chromium.mjs';
import { logIn, logInWith, signUp } from './support/hosted.mjs';
import { startFor, stopAll } from './support/apps.mjs';
import { createClient, finish, openApp, serveApp } from './support/spa.mjs';

describe('auth0-spa-js', { skip: noBrowser }, () => {
  let app; let dev; let browser; let context; let page; let options;

  before(async () => {
    app = await serveApp();
    dev = await startFor(app);
    browser = await launch();
    options = { domain: dev.origin, clientId: 'spa-app' };
  });
  after(() => stopAll(browser, dev, app));
  beforeEach(async () => {
    context = await fresh(browser);
    page = await context.newPage();
  });
  afterEach(() => context.close());

  /** From the app to the log-in page. */
  async function begin(given = options, login = {}) {
    await openApp(page, app, given);
    await page.evaluate((how) => { client.loginWithRedirect(how); }, login);
    await page.getByRole('heading', { level: 1 }).filter({ hasNotText: 'Test app' }).waitFor();
  }
  const user = () => page.evaluate(() => client.getUser());
  const silently = (how = {}) => page.evaluate((given) => client.getTokenSilently({ detailedResponse: true, ...given })
    .then((answer) => answer, (err) => ({ error: err.error, error_description: err.error_description })), how);

  test('a person logs in by password and the app knows them', async () => {
    await begin();
    await logIn(page, 'ada@example.com');
    await finish(page, app, options);
    const { email, sub } = await user();
    assert.equal(email, 'ada@example.com');
    assert.match(sub, /^auth0\|[0-9a-f]{24}$/);
    assert.equal(await page.evaluate(() => client.isAuthenticated()), true);
  });

  test('a person signs up with an additional field, which becomes a claim', async () => {
    await begin();
    await signUp(page, { email: 'grace@example.com', 'First name': 'Grace', Hobby: 'Compilers' });
    await finish(page, app, options);
    const { email, email_verified: verified, given_name: given } = await user();
    assert.deepEqual({ email, verified, given }, { email: 'grace@example.com', verified: false, given: 'Grace' });
  });

  test('screen_hint=signup opens the sign-up page', async () => {
    await begin(options, { authorizationParams: { screen_hint: 'signup' } });
    assert.equal(new URL(page.url()).pathname, '/u/signup');
  });

  test('a person comes by Google, with their locale', async () => {
    await begin();
    await logInWith(page, 'Google', /Ada Byron/);
    await finish(page, app, options);
    const { sub, email, email_verified: verified, locale, given_name: given, family_name: family } = await user();
    assert.deepEqual({ sub, email, verified, locale, given, family }, {
      sub: 'google-oauth2|108200000000000374519', email: 'ada.byron@example.com', verified: true, locale: 'en', given: 'Ada', family: 'Byron',
    });
  });

  test('a person comes by GitHub, straight from the app', async () => {
    await openApp(page, app, options);
    await page.evaluate(() => { client.loginWithRedirect({ authorizationParams: { connection: 'github' } }); });
    await page.getByRole('button', { name: /Mona Octo/ }).click();
    await finish(page, app, options);
    const { sub, email, nickname, name } = await user();
    assert.deepEqual({ sub, email, nickname, name }, { sub: 'github|9201022', email: 'mona@example.com', nickname: 'octomona', name: 'Mona Octo' });
  });

  test('a person who cancels at the provider comes back to the app with access_denied', async () => {
    await begin();
    await page.getByRole('link', { name: 'Continue with Google' }).click();
    await page.getByRole('button', { name: /^Cancel/ }).click();
    await page.waitForURL((url) => url.origin === app.origin);
    await createClient(page, options);
    const error = await page.evaluate(() => client.handleRedirectCallback().then(() => null, (err) => err.error));
    assert.equal(error, 'access_denied');
  });

  test('tokens are renewed in a hidden frame, until the person logs out', async () => {
    await begin();
    await logIn(page, 'ada@example.com');
    await finish(page, app, options);
    const first = await silently();
    const renewed = await silently({ cacheMode: 'off' });
    assert.ok(renewed.access_token, JSON.stringify(renewed));
    assert.notEqual(renewed.access_token, first.access_token);

    await page.evaluate((home) => { client.logout({ logoutParams: { returnTo: home } }); }, `${app.origin}/`);
    await page.waitForURL(`${app.origin}/`);
    await page.waitForLoadState();
    await createClient(page, options);
    assert.equal(await user(), undefined);
    assert.equal((await silently({ cacheMode: 'off' })).error, 'login_required');
  });

  test('a second app load is logged in without a page of ours', async () => {
    await begin();
    await logIn(page, 'ada@example.com');
    await finish(page, app, options);
    await page.evaluate(() => { localStorage.clear(); });
    await page.goto(`${app.origin}/`);
    await createClient(page, options);
    await page.evaluate(() => client.checkSession());
    assert.equal((await user()).email, 'ada@example.com');
  });

  test('refresh tokens rotate, and one that was used is refused and ends its family', async () => {
    const refreshing = { ...options, useRefreshTokens: true };
    await begin(refreshing);
    await logIn(page, 'ada@example.com');
    await finish(page, app, refreshing);
    const old = await refreshToken();
    const renewed = await silently({ cacheMode: 'off' });
    assert.ok(renewed.access_token, JSON.stringify(renewed));
    const next = await refreshToken();
    assert.notEqual(next, old);

    const again = await exchange(old);
    assert.equal(again.status, 403);
    assert.deepEqual(again.body, { error: 'invalid_grant', error_description: 'Unknown or invalid refresh token.' });
    assert.equal((await exchange(next)).body.error, 'invalid_grant', 'the rest of the family must be dead');
    assert.equal((await silently({ cacheMode: 'off' })).error, 'invalid_grant');
    // The SDK knows this refusal by its text, and can ask in a hidden frame instead.
    await createClient(page, { ...refreshing, useRefreshTokensFallback: true });
    assert.ok((await silently({ cacheMode: 'off' })).access_token);
  });

  function refreshToken() {
    return page.evaluate(() => {
      const entries = Object.keys(localStorage).filter((key) => key.startsWith('@@auth0spajs@@')).map((key) => JSON.parse(localStorage.getItem(key)));
      return entries.map((entry) => entry.body?.refresh_token).find(Boolean);
    });
  }
  async function exchange(token) {
    const answer = await fetch(`${dev.issuer}oauth/token`, {
      method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'spa-app', refresh_token: token }),
    });
    return { status: answer.status, body: await answer.json() };
  }

  test('a token for an API names it and carries the scopes that were asked for', async () => {
    const audience = 'https://things.example/';
    const forApi = { ...options, authorizationParams: { audience, scope: 'openid profile email read:things' } };
    await begin(forApi);
    await logIn(page, 'ada@example.com');
    await finish(page, app, forApi);
    const { access_token: token } = await silently();
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.deepEqual([claims.aud].flat(), [audience, `${dev.issuer}userinfo`]);
    assert.equal(claims.scope, 'openid profile email read:things');
    assert.equal(claims.iss, dev.issuer);
    assert.equal(claims.azp, 'spa-app');
  });

  test('a person logs in in a popup window', async () => {
    await openApp(page, app, options);
    await page.evaluate(() => {
      document.getElementById('popup').onclick = () => { window.popup = client.loginWithPopup().then(() => 'done', (err) => `${err}`); };
    });
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.locator('#popup').click()]);
    await logIn(popup, 'ada@example.com');
    assert.equal(await page.evaluate(() => window.popup), 'done');
    assert.equal((await user()).email, 'ada@example.com');
  });
});
