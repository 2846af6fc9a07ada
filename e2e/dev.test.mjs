// The promise of dev mode: one command, nothing to install or configure, and everything can be tried.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { stopAll } from './support/apps.mjs';
import { fresh, launch, noBrowser } from './support/chromium.mjs';
import { choose, logIn, logInWith, signUp } from './support/hosted.mjs';
import { startDev } from './support/latchkey.mjs';

describe('latchkey dev', { skip: noBrowser }, () => {
  let dev; let browser; let context; let page;

  before(async () => {
    dev = await startDev();
    browser = await launch();
  });
  after(() => stopAll(browser, dev));
  beforeEach(async () => {
    context = await fresh(browser);
    page = await context.newPage();
    await page.goto(`${dev.issuer}dev/app`);
  });
  afterEach(() => context.close());

  const press = (name) => page.getByRole('button', { name, exact: true }).click();
  const says = (text) => page.getByRole('status').filter({ hasText: text }).waitFor();
  /** The claims of the ID token, what /userinfo says, and the token answer, as the app shows them. */
  async function shown() {
    await page.locator('#userinfo').filter({ hasText: '{' }).waitFor();
    const [claims, userinfo, tokens] = await Promise.all(['#claims', '#userinfo', '#tokens'].map((id) => page.locator(id).innerText()));
    return { claims: JSON.parse(claims), userinfo: JSON.parse(userinfo), tokens: JSON.parse(tokens) };
  }

  test('a person signs up with an extra field and sees it in the demo app', async () => {
    await press('Sign up');
    await signUp(page, { email: 'new@example.com', 'First name': 'Nova', Hobby: 'Astronomy' });
    await says('Logged in as');
    const { claims, userinfo } = await shown();
    assert.equal(claims.given_name, 'Nova');
    assert.deepEqual([userinfo.given_name, userinfo.email, userinfo.email_verified], ['Nova', 'new@example.com', false]);

    await press('Log out');
    await says('Nobody is logged in here.');
    await press('Log in');
    await logIn(page, 'new@example.com');
    await says('Logged in as');
    assert.equal((await shown()).userinfo.given_name, 'Nova');
  });

  test('the person that dev mode names can log in', async () => {
    await page.goto(`${dev.issuer}dev`);
    const [email, secret] = await page.locator('dd code').allInnerTexts();
    await page.goto(`${dev.issuer}dev/app`);
    await press('Log in');
    await logIn(page, email, secret);
    await says('Logged in as');
    assert.equal((await shown()).claims.email, email);
  });

  test('Log in with Google, then refresh, renew silently and log out', async () => {
    await press('Log in with Google');
    await choose(page, /Ada Byron/);
    await says('Logged in as Ada Byron');
    const first = await shown();
    assert.deepEqual([first.userinfo.sub, first.userinfo.locale], ['google-oauth2|108200000000000374519', 'en']);

    await press('Refresh');
    await says('Refreshed as Ada Byron');
    const refreshed = await shown();
    assert.notEqual(refreshed.tokens.access_token, first.tokens.access_token);
    assert.notEqual(refreshed.tokens.refresh_token, first.tokens.refresh_token);

    await press('Renew silently');
    await says('Renewed without asking as Ada Byron');
    assert.notEqual((await shown()).tokens.access_token, refreshed.tokens.access_token);

    await press('Log out');
    await says('Nobody is logged in here.');
    await page.reload();
    await says('Nobody is logged in here.');
  });

  test('Log in with GitHub from the app, and again from the log-in page, which remembers it', async () => {
    await press('Log in with GitHub');
    await choose(page, /Mona Octo/);
    await says('Logged in as Mona Octo');
    assert.deepEqual((await shown()).userinfo.sub, 'github|9201022');
    await press('Log out');
    await says('Nobody is logged in here.');
    await press('Log in');
    assert.match(await page.getByRole('link', { name: 'Continue with GitHub' }).innerText(), /last used/i);
    await logInWith(page, 'GitHub', /Zoë Çelik/);
    await says('Logged in as Zoë Çelik');
    const { userinfo } = await shown();
    assert.deepEqual([userinfo.email, userinfo.email_verified], ['zoe@example.org', false]);
  });

  test('a provider that knows numbers beyond 2^53 loses no digit', async () => {
    await press('Log in with GitHub');
    await choose(page, /Build Bot/);
    await says('Logged in as Build Bot');
    assert.equal((await shown()).userinfo.sub, 'github|9007199254740993');
  });

  test('when the clock moves on, a refresh token ends', async () => {
    await press('Log in with Google');
    await choose(page, /Ada Byron/);
    await says('Logged in as Ada Byron');
    const answer = await fetch(`${dev.issuer}dev/clock`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ advance: '800h' }),
    });
    assert.equal(answer.status, 200);
    await press('Refresh');
    await page.getByRole('alert').filter({ hasText: 'invalid_grant' }).waitFor();
  });
});

test('what dev prints leads there, and its state is gone when it ends', async (t) => {
  const temporary = mkdtempSync(join(tmpdir(), 'latchkey-e2e-'));
  t.after(() => { rmSync(temporary, { recursive: true }); });
  const dev = await startDev({ env: { TMPDIR: temporary } });
  try {
    assert.equal(readdirSync(temporary).length, 1);
    for (const path of ['dev', 'dev/app', 'dev/mail', 'dev/clock', '.well-known/openid-configuration']) {
      assert.ok(dev.out().includes(`${dev.issuer}${path}\n`), path);
      assert.equal((await fetch(`${dev.issuer}${path}`)).status, 200, path);
    }
    const document = await (await fetch(`${dev.issuer}.well-known/openid-configuration`)).json();
    assert.equal(document.issuer, dev.issuer);
  } finally {
    await dev.stop();
  }
  assert.deepEqual(readdirSync(temporary), []);
});
