// Builds the binary once into a temporary folder and runs the test files named on the command line, or all of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, here } from './support/latchkey.mjs';

const named = process.argv.slice(2);
const files = named.length ? named : readdirSync(here).filter((name) => name.endsWith('.test.mjs')).sort();
const folder = mkdtempSync(join(tmpdir(), 'latchkey-e2e-'));
let status = 1;
try {
  const binary = build(folder);
  const args = ['--test', '--test-concurrency=2', '--test-timeout=120000', '--test-reporter=spec', ...files];
  status = spawnSync(process.execPath, args, { cwd: here, stdio: 'inherit', env: { ...process.env, E2E_BINARY: binary } }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = status;
