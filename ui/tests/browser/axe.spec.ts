import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Server, settled, visit } from './harness';
import { type World, world } from './world';

const require = createRequire(import.meta.url);
const axe = readFileSync(createRequire(require.resolve('@axe-core/playwright')).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

let server: Server;
let there: World;
beforeAll(async () => {
  server = await Server.start();
  there = await world(server);
});
afterAll(() => server.stop());

/** What axe finds, as one line each. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async (values) => {
    const { axe: engine } = window as unknown as { axe: { run: (where: unknown, how: unknown) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }> } };
    const { violations: found } = await engine.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] });
    return found.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary?.replaceAll(/\s+/g, ' ').slice(0, 200) ?? ''}`).join(' | ')} (${String(nodes.length)})`);
  }, TAGS);
}

/** What is wider than the window: whoever zooms to 400 % would scroll both ways. */
function tooWide(page: Page): Promise<string | undefined> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth ? `the page is ${String(scrollWidth)} px wide in a window of ${String(clientWidth)}` : undefined;
  });
}

/** Each view in both colours, narrow and wide; `make soak` looks at all six combinations. */
const forms = [
  { name: 'light, 1280 px', scheme: 'light', width: 1280 },
  { name: 'dark, 320 px', scheme: 'dark', width: 320 },
  ...(process.env.FOREBAY_TEST_SOAK === undefined ? [] : [
    { name: 'dark, 1280 px', scheme: 'dark', width: 1280 },
    { name: 'dark, 768 px', scheme: 'dark', width: 768 },
    { name: 'light, 768 px', scheme: 'light', width: 768 },
    { name: 'light, 320 px', scheme: 'light', width: 320 },
  ] as const),
] as const;

test('B8: axe finds a fault that was planted', async () => {
  await visit(server, {}, async (page) => {
    await page.goto(`${server.url}/ui/prod/flows`);
    await settled(page);
    expect(await violations(page)).toEqual([]);
    await page.evaluate(() => { document.querySelector('main')?.insertAdjacentHTML('beforeend', '<img src="/ui/favicon.svg"><button></button>'); });
    const found = (await violations(page)).map((one) => one.split(':')[0]);
    expect(found).toEqual(expect.arrayContaining(['image-alt', 'button-name']));
  });
});

describe.concurrent('B8: axe finds nothing, and B12: the browser complains of nothing', { timeout: process.env.FOREBAY_TEST_SOAK === undefined ? 600_000 : 1_800_000 }, () => {
  // Every second view each, so that two pages share the work.
  test.for([0, 1])('views, half %i', async (half, { expect }) => {
    const found: string[] = [];
    const began = Date.now();
    await visit(server, { expected: [/status of 404 .*(nowhere)/] }, async (page) => {
      for (const [name, path] of Object.entries(there.views).filter((_, i) => i % 2 === half)) {
        await page.setViewportSize({ width: 1280, height: 900 });
        await page.goto(`${server.url}/ui/prod${path}`);
        await settled(page);
        for (const form of forms) {
          await page.emulateMedia({ colorScheme: form.scheme, reducedMotion: 'reduce' });
          await page.setViewportSize({ width: form.width, height: 900 });
          await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
          for (const one of await violations(page)) found.push(`${name} (${form.name}): ${one}`);
          const wide = await tooWide(page);
          if (wide !== undefined) found.push(`${name} (${form.name}): ${wide}`);
        }
      }
    });
    console.log(`${String(Object.keys(there.views).length)} views, half of them in ${String(Date.now() - began)} ms`);
    expect(found).toEqual([]);
  });
});
