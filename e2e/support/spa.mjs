// A small single-page app on an origin of its own: the SDK's built file and a page that loads it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { here } from './latchkey.mjs';

const sdk = readFileSync(join(here, 'node_modules/@auth0/auth0-spa-js/dist/auth0-spa-js.production.js'));
const page = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Test app</title><link rel="icon" href="data:,"><script src="/auth0-spa-js.js"></script></head>
<body><main><h1>Test app</h1><button id="popup">Log in in a new window</button></main></body>
</html>`;

/** Serves the app; host is what its address says, on loopback in any case. */
export async function serveApp(host = '127.0.0.1') {
  const server = createServer((request, response) => {
    const script = request.url === '/auth0-spa-js.js';
    response.writeHead(200, { 'content-type': script ? 'text/javascript' : 'text/html; charset=utf-8' });
    response.end(script ? sdk : page);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    origin: `http://${host}:${server.address().port}`,
    stop: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}

/**
 * Opens the app in a page, with an SDK client as `client`, which keeps tokens over a page load as apps with
 * cacheLocation localstorage do.
 */
export async function openApp(page, app, options, path = '/') {
  await page.goto(app.origin + path);
  await createClient(page, options);
}

/** Makes the SDK's client on the page that is open. */
export async function createClient(page, options) {
  await page.evaluate((given) => {
    window.client = new auth0.Auth0Client({ cacheLocation: 'localstorage', ...given });
  }, { ...options, authorizationParams: { redirect_uri: `${new URL(page.url()).origin}/callback`, ...options.authorizationParams } });
}

/** Waits until the person is back at the app, and lets the SDK take the answer. */
export async function finish(page, app, options) {
  await page.waitForURL((url) => url.origin === app.origin && url.pathname === '/callback');
  await createClient(page, options);
  await page.evaluate(() => client.handleRedirectCallback());
}
