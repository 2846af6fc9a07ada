// The demo app: authorization code with PKCE in the browser, without a library, as a single-page app would do it.

const app = document.getElementById('app');
const { issuer, client } = app.dataset;
const redirectUri = `${issuer}dev/app`;
const scope = 'openid profile email offline_access';
const origin = new URL(issuer).origin;
const find = (id) => document.getElementById(id);

// ---- what is kept: one login under way per state, and the last token answer ----

const store = {
  get: (key) => JSON.parse(sessionStorage.getItem(`latchkey-demo.${key}`) ?? 'null'),
  set: (key, value) => sessionStorage.setItem(`latchkey-demo.${key}`, JSON.stringify(value)),
  remove: (key) => sessionStorage.removeItem(`latchkey-demo.${key}`),
};

function take(key) {
  const value = store.get(key);
  store.remove(key);
  return value;
}

// ---- small pieces ----

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

function payloadText(jwt) {
  const text = atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
  return new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0)));
}

/** Indents JSON without parsing it, so that numbers keep all their digits. */
function indent(text) {
  let depth = 0;
  return text.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]|\s+|[^\s{}[\],:"]+/g, (token, at) => {
    const line = () => `\n${'  '.repeat(depth)}`;
    if (/^\s/.test(token)) return '';
    if (token === '{' || token === '[') {
      depth += 1;
      return /^[{[]\s*[}\]]/.test(text.slice(at)) ? token : token + line();
    }
    if (token === '}' || token === ']') {
      depth -= 1;
      return /[{[]\s*$/.test(text.slice(0, at)) ? token : line() + token;
    }
    if (token === ',') return `,${line()}`;
    return token === ':' ? ': ' : token;
  });
}

class OAuthError extends Error {
  constructor(code, description) {
    super(description ? `${code}: ${description}` : code);
    this.code = code;
  }
}

// ---- the protocol ----

/** Starts a login and returns the address to go to. */
async function authorizeUrl(extra) {
  if (!crypto.subtle) throw new Error('This page needs https, localhost or 127.0.0.1: elsewhere browsers offer no SHA-256.');
  const state = random();
  const login = { verifier: random(), nonce: random() };
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(login.verifier));
  store.set(`login.${state}`, login);
  const params = new URLSearchParams({
    client_id: client, redirect_uri: redirectUri, response_type: 'code', response_mode: 'query', scope, state,
    nonce: login.nonce, code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: 'S256', ...extra,
  });
  return { url: `${issuer}authorize?${params}`, state };
}

/** Turns the answer of /authorize into tokens. */
async function finish(answer) {
  const login = take(`login.${answer.state}`);
  if (!login) throw new Error('This answer belongs to no log-in that this tab started. Log in again.');
  if (answer.error) throw new OAuthError(answer.error, answer.error_description);
  return requestTokens({ grant_type: 'authorization_code', code: answer.code, code_verifier: login.verifier, redirect_uri: redirectUri }, login.nonce);
}

async function requestTokens(fields, nonce) {
  const response = await fetch(`${issuer}oauth/token`, { method: 'POST', body: new URLSearchParams({ client_id: client, ...fields }) });
  const tokens = await response.json().catch(() => ({}));
  if (!response.ok) throw new OAuthError(tokens.error ?? `HTTP ${response.status}`, tokens.error_description);
  checkIdToken(tokens.id_token, nonce);
  return tokens;
}

/** OpenID Connect Core §3.1.3.7; the signature may be left out, as the token came from the token endpoint itself. */
function checkIdToken(token, nonce) {
  if (!token) throw new Error('The answer has no ID token.');
  const claims = JSON.parse(payloadText(token));
  if (claims.iss !== issuer) throw new Error(`The ID token's issuer is ${claims.iss}, not ${issuer}.`);
  if (![claims.aud].flat().includes(client)) throw new Error('The ID token is for another client.');
  if (nonce && claims.nonce !== nonce) throw new Error("The ID token's nonce is not the one that was sent.");
  if (!(claims.exp * 1000 > Date.now())) throw new Error('The ID token has expired.');
}

/** Asks /authorize in a hidden frame, which answers by message. */
async function silently() {
  const { url, state } = await authorizeUrl({ prompt: 'none', response_mode: 'web_message' });
  const frame = document.createElement('iframe');
  frame.hidden = true;
  const done = new AbortController();
  try {
    const answer = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('No answer within 15 seconds.')), 15000);
      done.signal.addEventListener('abort', () => clearTimeout(timer));
      window.addEventListener('message', (event) => {
        if (event.origin !== origin || event.source !== frame.contentWindow || event.data?.type !== 'authorization_response') return;
        resolve(event.data.response);
      }, { signal: done.signal });
      frame.src = url;
      document.body.append(frame);
    });
    if (answer.state !== state) throw new Error('The answer carries another state.');
    return await finish(answer);
  } finally {
    done.abort();
    frame.remove();
    store.remove(`login.${state}`);
  }
}

// ---- what the buttons do ----

const actions = {
  async login(button) {
    const connection = button?.dataset.connection;
    location.assign((await authorizeUrl(connection ? { connection } : {})).url);
  },
  async signup() {
    location.assign((await authorizeUrl({ screen_hint: 'signup' })).url);
  },
  async refresh() {
    const old = store.get('tokens');
    if (!old?.refresh_token) throw new Error('There is no refresh token. Log in again.');
    const fresh = await requestTokens({ grant_type: 'refresh_token', refresh_token: old.refresh_token });
    await show({ refresh_token: old.refresh_token, ...fresh }, 'Refreshed');
  },
  async renew() {
    await show(await silently(), 'Renewed without asking');
  },
  async logout() {
    store.remove('tokens');
    location.assign(`${issuer}v2/logout?${new URLSearchParams({ client_id: client, returnTo: redirectUri })}`);
  },
};

async function run(action, button) {
  find('problem').hidden = true;
  button?.setAttribute('aria-disabled', 'true');
  try {
    await action(button);
  } catch (err) {
    fail(err);
  } finally {
    button?.removeAttribute('aria-disabled');
  }
}

function fail(err) {
  find('problem').textContent = err.message;
  find('problem').hidden = false;
  if (!store.get('tokens')) signedOut();
}

// ---- what is seen ----

function signedOut() {
  find('status').textContent = 'Nobody is logged in here.';
  find('out').hidden = false;
  find('in').hidden = true;
  find('data').hidden = true;
}

async function show(tokens, what) {
  store.set('tokens', tokens);
  const claims = payloadText(tokens.id_token);
  const { sub, name, email } = JSON.parse(claims);
  find('status').textContent = `${what} as ${name ?? email ?? sub}, at ${new Date().toLocaleTimeString()}.`;
  find('claims').textContent = indent(claims);
  find('tokens').textContent = indent(JSON.stringify(tokens));
  find('out').hidden = true;
  find('in').hidden = false;
  find('data').hidden = false;
  find('userinfo').textContent = '…';
  const response = await fetch(`${issuer}userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const text = await response.text();
  find('userinfo').textContent = response.ok ? indent(text) : `HTTP ${response.status}\n${text}`;
  if (!response.ok) throw new OAuthError(`/userinfo answered ${response.status}`, text);
}

async function start() {
  const params = new URLSearchParams(location.search);
  const wanted = location.hash.slice(1);
  if (params.has('state') && (params.has('code') || params.has('error'))) {
    history.replaceState(null, '', redirectUri);
    await show(await finish(Object.fromEntries(params)), 'Logged in');
    return;
  }
  if (wanted === 'login' || wanted === 'signup') {
    history.replaceState(null, '', redirectUri);
    await actions[wanted]();
    return;
  }
  const tokens = store.get('tokens');
  if (tokens) await show(tokens, 'Logged in');
  else signedOut();
}

if (!client) {
  // The page says why there is nothing to do.
} else if (location.origin !== origin) {
  // Log-ins come back to the issuer's address, where this tab's storage is another.
  location.replace(redirectUri + location.hash);
} else {
  for (const button of document.querySelectorAll('[data-action]')) {
    button.addEventListener('click', () => {
      if (button.getAttribute('aria-disabled') !== 'true') run(actions[button.dataset.action], button);
    });
  }
  window.addEventListener('hashchange', () => run(start));
  run(start);
}
