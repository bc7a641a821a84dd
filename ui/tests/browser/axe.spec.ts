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

/** Each view in both colours, one of them narrow; `make soak` looks at all six combinations. */
const isSoak = process.env.FOREBAY_TEST_SOAK !== undefined;
const forms: readonly { scheme: 'light' | 'dark'; widths: readonly [number, ...number[]] }[] = [
  { scheme: 'light', widths: isSoak ? [1280, 768, 320] : [1280] },
  { scheme: 'dark', widths: isSoak ? [320, 768, 1280] : [320] },
];

/** What is judged is what stays: nothing is on its way to another colour or place, and the page is in the colours asked for. */
async function still(page: Page, scheme: 'light' | 'dark'): Promise<void> {
  await page.waitForFunction((wanted) => {
    const moves = document.getAnimations().some(({ effect, playState }) => playState !== 'finished' && effect?.getComputedTiming().endTime !== Infinity);
    const [red = 0, green = 0, blue = 0] = (getComputedStyle(document.documentElement).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    return !moves && (red + green + blue > 382 ? 'light' : 'dark') === wanted;
  }, scheme);
}

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

describe.concurrent('B8: axe finds nothing, and B12: the browser complains of nothing', { timeout: isSoak ? 1_800_000 : 600_000 }, () => {
  // A page each, which keeps its colours: a change of them while a view is open is no way in which people look at it.
  test.for(forms)('$scheme', async ({ scheme, widths }, { expect }) => {
    const found: string[] = [];
    const began = Date.now();
    await visit(server, { colorScheme: scheme, reducedMotion: 'reduce', expected: [/status of 404 .*(nowhere)/] }, async (page) => {
      for (const [name, path] of Object.entries(there.views)) {
        await page.setViewportSize({ width: widths[0], height: 900 });
        await page.goto(`${server.url}/ui/prod${path}`);
        await settled(page);
        for (const width of widths) {
          await page.setViewportSize({ width, height: 900 });
          await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
          await still(page, scheme);
          for (const one of await violations(page)) found.push(`${name} (${scheme}, ${String(width)} px): ${one}`);
          const wide = await tooWide(page);
          if (wide !== undefined) found.push(`${name} (${scheme}, ${String(width)} px): ${wide}`);
        }
      }
    });
    console.log(`${String(Object.keys(there.views).length)} views, ${scheme}, in ${String(Date.now() - began)} ms`);
    expect(found).toEqual([]);
  });
});
