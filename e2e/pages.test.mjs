// Every page a person can see: nothing that axe knows to be wrong, usable by keyboard, without JavaScript and with large text.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { startFor, stopAll } from './support/apps.mjs';
import { fresh, launch, noBrowser } from './support/chromium.mjs';
import { choose, logIn, password, signUp } from './support/hosted.mjs';
import { startDev } from './support/latchkey.mjs';
import { focused, look } from './support/look.mjs';
import { serveApp } from './support/spa.mjs';

// BASE64URL-ENCODE(SHA256("…")) of any verifier: these tests stop at the code.
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

describe('pages', { skip: noBrowser }, () => {
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

  const authorize = (params = {}) => `${dev.issuer}authorize?${new URLSearchParams({
    client_id: 'spa-app', redirect_uri: `${app.origin}/callback`, response_type: 'code', scope: 'openid profile email', state: 'mine',
    code_challenge: challenge, code_challenge_method: 'S256', ...params,
  })}`;
  const heading = () => page.getByRole('heading', { level: 1 }).innerText();
  /** The app's answer, once the person is back at it. */
  async function answered() {
    await page.waitForURL((url) => url.origin === app.origin);
    const answer = Object.fromEntries(new URL(page.url()).searchParams);
    assert.equal(answer.state, 'mine');
    return answer;
  }

  test('log-in, and a log-in that failed', async () => {
    await page.goto(authorize());
    await look(page, 'login');
    await logIn(page, 'ada@example.com', 'wrong');
    await page.getByRole('alert').filter({ hasText: 'Wrong email or password.' }).waitFor();
    assert.equal(await page.getByLabel('Email').inputValue(), 'ada@example.com');
    await look(page, 'login-error');
  });

  test('log-in in German', async () => {
    await page.goto(authorize({ ui_locales: 'de' }));
    assert.equal(await page.locator('html').getAttribute('lang'), 'de');
    await look(page, 'login-german');
  });

  test('log-in where a provider was used last', async () => {
    await page.goto(authorize({ connection: 'google-oauth2' }));
    await choose(page, /Ada Byron/);
    await answered();
    await page.goto(authorize({ prompt: 'login' }));
    await look(page, 'login-last-used');
  });

  test('sign-up, and a sign-up with mistakes', async () => {
    await page.goto(authorize({ screen_hint: 'signup' }));
    await look(page, 'signup');
    // Browsers stop this form before it is sent; people with other tools, and rules a browser doesn't know, get here.
    await page.locator('form').evaluate((form) => { form.noValidate = true; });
    await signUp(page, { email: 'nemo@example.com', secret: 'weak', Hobby: 'Kept over an error' });
    // Both mistakes are named at once, and the person begins with the first.
    await page.getByLabel('Password', { exact: true }).and(page.locator('[aria-invalid=true]:focus')).waitFor();
    await page.getByLabel('First name').and(page.locator('[aria-invalid=true]')).waitFor();
    assert.equal(await page.getByLabel('Hobby').inputValue(), 'Kept over an error');
    await look(page, 'signup-errors');
    await page.getByLabel('First name').fill('Nemo');
    await signUp(page, { email: 'nemo@example.com', secret: 'weak' });
    await page.getByLabel('Password', { exact: true }).and(page.locator('[aria-invalid=true]:focus')).waitFor();
    await look(page, 'signup-weak');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await look(page, 'signup-ticked');
  });

  test('sign-up with an address that is taken', async () => {
    await page.goto(authorize({ screen_hint: 'signup' }));
    await signUp(page, { email: 'ada@example.com', 'First name': 'Ada' });
    await page.getByRole('alert').waitFor();
    await look(page, 'signup-taken');
  });

  test('consent, declined and given', async () => {
    const params = { client_id: 'third-party-app', audience: 'https://things.example/', scope: 'openid profile read:things write:things' };
    await page.goto(authorize(params));
    await logIn(page, 'ada@example.com');
    await page.getByRole('button', { name: 'Decline' }).waitFor();
    await look(page, 'consent');
    await page.getByRole('button', { name: 'Decline' }).click();
    assert.equal((await answered()).error, 'access_denied');
    await page.goto(authorize(params));
    await page.getByRole('button', { name: /Allow|Accept/ }).click();
    assert.ok((await answered()).code);
    await page.goto(authorize(params));
    assert.ok((await answered()).code, 'who agreed is not asked again');
  });

  test('error pages', async () => {
    const states = {
      'error-client': [authorize({ client_id: 'nobody' }), 400], 'error-callback': [authorize({ redirect_uri: 'http://evil.example/' }), 403],
      'error-expired': [`${dev.issuer}u/login?state=gone`, 400], 'error-missing': [`${dev.issuer}u/nothing`, 404],
    };
    for (const [name, [address, status]] of Object.entries(states)) {
      assert.equal((await page.goto(address)).status(), status, name);
      await look(page, name);
    }
  });

  test('log-out, asked and done', async () => {
    await page.goto(authorize());
    await logIn(page, 'ada@example.com');
    await answered();
    await page.goto(`${dev.issuer}oidc/logout`);
    await look(page, 'logout');
    await page.getByRole('button', { name: 'Log out' }).click();
    await look(page, 'logged-out');
  });

  test('answers that pass through a page', async () => {
    await page.goto(authorize({ prompt: 'none', response_mode: 'web_message' }));
    await look(page, 'web-message');
    await context.close();
    context = await fresh(browser, { javaScriptEnabled: false });
    page = await context.newPage();
    await page.goto(authorize({ prompt: 'none', response_mode: 'form_post' }));
    await page.getByRole('button').click();
    await page.waitForURL((url) => url.origin === app.origin);
  });

  test('a person logs in by keyboard alone, and sees where they are', async () => {
    await page.goto(authorize());
    const press = (key) => page.keyboard.press(key);
    assert.equal(await focused(page), 'input username');
    await page.keyboard.type('ada@example.com');
    await press('Tab');
    assert.equal(await focused(page), 'input password');
    await page.keyboard.type(password);
    await press('Tab');
    assert.equal(await focused(page), 'button Show');
    await press('Space');
    assert.equal(await page.locator('#password').getAttribute('type'), 'text');
    await press('Space');
    await press('Tab');
    assert.equal(await focused(page), 'button Log in');
    await press('Tab');
    assert.match(await focused(page), /^a Continue with/);
    await press('Shift+Tab');
    await press('Enter');
    assert.ok((await answered()).code);
  });

  test('a person goes to a provider by keyboard alone', async () => {
    await page.goto(authorize());
    await page.keyboard.press('Tab');
    for (let i = 0; i < 12 && !/Continue with Google$/.test(await focused(page)); i += 1) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Continue as whom?' }).waitFor();
    await page.keyboard.press('Tab');
    assert.match(await focused(page), /^button person/);
    await page.keyboard.press('Enter');
    assert.ok((await answered()).code);
  });

  describe('without JavaScript', () => {
    beforeEach(async () => {
      await context.close();
      context = await fresh(browser, { javaScriptEnabled: false });
      page = await context.newPage();
    });

    test('a person logs in', async () => {
      await page.goto(authorize());
      assert.equal(await page.getByRole('button', { name: /show/i }).count(), 0, 'a button that does nothing');
      await logIn(page, 'ada@example.com');
      assert.ok((await answered()).code);
    });

    test('a person signs up', async () => {
      await page.goto(authorize());
      await signUp(page, { email: 'plain@example.com', 'First name': 'Plain' });
      assert.ok((await answered()).code);
    });

    test('a person comes by a provider', async () => {
      await page.goto(authorize());
      await page.getByRole('link', { name: 'Continue with GitHub' }).click();
      await choose(page, /Mona Octo/);
      assert.ok((await answered()).code);
    });

    test('a person logs out', async () => {
      await page.goto(authorize());
      await logIn(page, 'ada@example.com');
      await answered();
      await page.goto(`${dev.issuer}oidc/logout`);
      await page.getByRole('button', { name: 'Log out' }).click();
      assert.match(await heading(), /logged out/i);
    });
  });
});

describe('dev pages', { skip: noBrowser }, () => {
  let dev; let browser; let page;

  before(async () => {
    dev = await startDev();
    browser = await launch();
    page = await (await fresh(browser)).newPage();
  });
  after(() => stopAll(browser, dev));

  test('links, inbox, providers and the demo app', async () => {
    await page.goto(`${dev.issuer}dev`);
    await look(page, 'dev');
    await page.goto(`${dev.issuer}dev/mail`);
    await look(page, 'dev-mail');
    await page.goto(`${dev.issuer}dev/idp/accounts.google.com/o/oauth2/v2/auth?client_id=x&redirect_uri=http://evil.example/`);
    await look(page, 'dev-provider-error');
    await page.goto(`${dev.issuer}dev/app`);
    await page.getByText('Nobody is logged in here.').waitFor();
    await look(page, 'dev-app-out');
    await page.getByRole('button', { name: 'Log in with Google' }).click();
    await page.getByRole('heading', { name: 'Continue as whom?' }).waitFor();
    await look(page, 'dev-provider');
    await page.getByRole('link', { name: /Edit the claims of Ada Byron/ }).click();
    await look(page, 'dev-provider-editing');
    await page.getByLabel('Claims, as JSON').fill('{');
    await page.getByRole('button', { name: 'Continue with these claims' }).click();
    await page.getByRole('alert').waitFor();
    await look(page, 'dev-provider-problem');
    await choose(page, /Ada Byron/);
    await page.locator('#userinfo').filter({ hasText: '{' }).waitFor();
    await look(page, 'dev-app-in');
  });
});
