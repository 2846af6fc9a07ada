// The real binary, run as people run it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import https from 'node:https';
import http from 'node:http';

/** The folder of the tests. */
export const here = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Builds the binary into a folder and returns its path. */
export function build(folder) {
  const path = join(folder, 'latchkey');
  const { status, stderr, error } = spawnSync('go', ['build', '-o', path, './cmd/latchkey'], { cwd: join(here, '..'), encoding: 'utf8' });
  if (status !== 0) throw new Error(`go build: ${error?.message ?? stderr}`);
  return path;
}

let own; // the binary of a test file that runs by itself
function binary() {
  if (process.env.E2E_BINARY) return process.env.E2E_BINARY;
  if (!own) {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-e2e-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    own = build(folder);
  }
  return own;
}

/** A port of loopback that was free just now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Starts `latchkey dev` and waits until it is ready.
 * @param {{port?: number, args?: string[], env?: Record<string, string>}} options
 * @returns {Promise<{issuer: string, origin: string, out: () => string, err: () => string, stop: () => Promise<void>}>}
 */
export async function startDev({ port, args = [], env = {} } = {}) {
  const child = spawn(binary(), ['dev', '--listen', `127.0.0.1:${port ?? 0}`, ...args], {
    env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { err += text; });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  // A test process that ends early must not leave its server behind.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const running = () => child.exitCode === null && child.signalCode === null;
  const issuer = await until('latchkey dev to say its issuer', () => {
    if (!running()) throw new Error(`latchkey dev ended with ${child.exitCode}: ${err || out}`);
    return out.match(/^ {2}Issuer +(\S+)$/m)?.[1];
  });
  await until('latchkey dev to be ready', async () => {
    if (!running()) throw new Error(`latchkey dev ended with ${child.exitCode}: ${err || out}`);
    return (await status(`${issuer}readyz`)) === 200;
  });
  return {
    issuer, origin: issuer.replace(/\/$/, ''), out: () => out, err: () => err,
    async stop() {
      process.off('exit', kill);
      if (running()) child.kill('SIGTERM');
      const timer = setTimeout(kill, 10_000);
      const code = await ended;
      clearTimeout(timer);
      if (code !== 0) throw new Error(`latchkey dev ended with ${code}: ${err}`);
    },
  };
}

/** Asks again until the answer is true, for at most half a minute. */
export async function until(what, ask) {
  const end = Date.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
}

// The certificate isn't looked at: this only asks whether somebody answers.
function status(url) {
  return new Promise((resolve) => {
    const { get } = url.startsWith('https:') ? https : http;
    get(url, { rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once('error', () => resolve(0));
  });
}
