// A server with the tenant of the tests, and the app that the tenant knows.
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { here, startDev } from './latchkey.mjs';

/** Starts a server whose tenant lets an app in. `key` is the private key of the client that proves itself by one. */
export async function startFor(app, { args = [], env = {}, tenant = 'apps.yaml', port } = {}) {
  const { privateKey: key, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const dev = await startDev({
    port, args: ['--tenant', join(here, 'tenants', tenant), ...args],
    env: { APP_ORIGIN: app.origin, CLIENT_PEM: publicKey.export({ type: 'spki', format: 'pem' }), ...env },
  });
  return { ...dev, key };
}

/** Stops what was started, in order; what never was is undefined. Each is stopped, whatever the others say. */
export async function stopAll(...started) {
  const results = await Promise.allSettled(started.filter(Boolean).map((one) => (one.stop ?? one.close).call(one)));
  const failed = results.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
  if (failed.length) throw new AggregateError(failed, failed.map(({ message }) => message).join('; '));
}
