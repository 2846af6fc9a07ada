// Looks at the page that is open as different people see it: light and dark, on a phone and on a desk, with large text.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const folder = process.env.E2E_SCREENSHOTS;
const desk = { width: 1280, height: 900 };
const phone = { width: 320, height: 640 };

/** Fails where axe finds something in any look of the page. With E2E_SCREENSHOTS each look is kept there under the name. */
export async function look(page, name) {
  await page.evaluate(axe);
  const problems = [];
  for (const colorScheme of ['light', 'dark']) {
    for (const size of [desk, phone]) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      const at = `${name}-${colorScheme}-${size.width}`;
      const { violations } = await page.evaluate((values) => axe.run({ runOnly: { type: 'tag', values } }), levels);
      for (const { id, help, nodes } of violations) problems.push(`${at}: ${id} (${help}): ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`);
      if (await scrolls(page)) problems.push(`${at}: scrolls sideways`);
      await keep(page, at);
    }
  }
  await enlarge(page);
  const wide = await scrolls(page);
  if (wide) problems.push(`${name}: at 200 % text on a phone ${wide} stick(s) out`);
  await keep(page, `${name}-large-${phone.width}`);
  await restore(page);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(desk);
  assert.deepEqual(problems, []);
}

async function keep(page, name) {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** What makes the page wider than the window, or nothing. */
function scrolls(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return '';
    const out = [...document.body.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > clientWidth + 0.5);
    return out.map((one) => one.outerHTML.slice(0, 120)).join(' | ') || 'something';
  });
}

/** Doubles the size of all text, as browsers do that enlarge text only; lengths in pixels stay. */
function enlarge(page) {
  return page.evaluate(() => {
    const sizes = [...document.querySelectorAll('body, body *')].map((one) => [one, parseFloat(getComputedStyle(one).fontSize)]);
    for (const [one, size] of sizes) one.style?.setProperty('font-size', `${2 * size}px`, 'important');
  });
}

function restore(page) {
  return page.evaluate(() => {
    for (const one of document.querySelectorAll('body, body *')) one.style?.removeProperty('font-size');
  });
}

/** The element with the focus, which must be seen to have it. */
export async function focused(page) {
  const { tag, name, outline } = await page.evaluate(() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    return { tag: one.localName, name: one.name || one.innerText.trim(), outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth) };
  });
  assert.ok(outline >= 2, `${tag} ${name} shows no focus`);
  return `${tag} ${name}`;
}
