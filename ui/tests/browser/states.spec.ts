import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OWN, Server, root, settled, visit } from './harness';
import { type World, world } from './world';

let server: Server;
let there: World;
beforeAll(async () => {
  server = await Server.start();
  there = await world(server);
});
afterAll(() => server.stop());

/** What a page reads first, and what it shows when that has come. */
interface Judged {
  readonly name: string;
  readonly path: (of: World) => string;
  readonly api: (of: World) => RegExp;
  readonly shows: string;
  readonly empty?: readonly [body: object, title: string];
}

const pages: readonly Judged[] = [
  { name: 'overview', path: () => '', api: () => /\/forebay\/overview/, shows: 'Recent runs' },
  { name: 'dataflows', path: () => '/flows', api: () => /\/forebay\/flows\?/, shows: 'demo-s3', empty: [{ items: [], total: 0 }, 'No dataflows yet'] },
  { name: 'datasets', path: () => '/datasets', api: () => /\/forebay\/datasets(\?|$)/, shows: 'Demo orders', empty: [{ items: [], total: 0 }, 'There are no datasets yet'] },
  { name: 'accounts', path: () => '/accounts', api: () => /\/flowservice\/connections(\?|$)/, shows: 'Demo S3', empty: [{ items: [], _links: {} }, 'No accounts yet'] },
  { name: 'monitoring', path: () => '/monitoring', api: () => /\/forebay\/runs\?/, shows: 'Amazon S3' },
  { name: 'dataflow', path: ({ flow }) => `/flows/${flow}`, api: ({ flow }) => new RegExp(`/forebay/flows/${flow}(\\?|$)`), shows: 'Last 8 runs' },
  { name: 'run', path: ({ run }) => `/runs/${run}`, api: ({ run }) => new RegExp(`/forebay/runs/${run}(\\?|$)`), shows: 'received 100,000' },
  { name: 'dataset', path: ({ dataset }) => `/datasets/${dataset}`, api: ({ dataset }) => new RegExp(`/forebay/datasets/${dataset}(\\?|$)`), shows: 'Where the table is' },
  { name: 'first steps', path: () => '/start', api: () => /\/forebay\/demo(\?|$)/, shows: 'Orders from S3' },
  { name: 'catalogue', path: () => '/sources', api: () => /\/flowservice\/connectionSpecs(\?|$)/, shows: 'Amazon S3' },
  { name: 'sandboxes', path: () => '/admin/sandboxes', api: () => /\/sandbox-management\/sandboxes(\?|$)/, shows: 'Production' },
  { name: 'health', path: () => '/admin/health', api: () => /\/forebay\/system(\?|$)/, shows: 'scheduler' },
  { name: 'audit', path: () => '/admin/audit', api: () => /\/data\/.*audit/, shows: 'Succeeded' },
];

const problem = (status: number, title: string) => (route: Route): Promise<void> => route.fulfill({
  status, contentType: 'application/problem+json', headers: { 'x-request-id': 'req-of-the-test' },
  body: JSON.stringify({ type: 'about:blank', title, status, detail: title, report: { detailed_message: title, 'request-id': 'req-of-the-test' } }),
});

test.concurrent.for(pages)('B10: $name while its answer is slow, does not come, fails, is refused or is empty', async ({ path, api, shows, empty }, { expect }) => {
  await visit(server, { expected: [/status of (500|403) /, /ERR_INTERNET_DISCONNECTED|ERR_FAILED/] }, async (page) => {
    const main = page.locator('main');
    const open = (): Promise<unknown> => page.goto(`${server.url}/ui/prod${path(there)}`);
    const shown = (): Promise<void> => main.getByText(shows).filter({ visible: true }).first().waitFor();
    let answer: (route: Route) => Promise<void>;
    await page.route(api(there), (route) => answer(route));

    // Slow: grey lines, then the content.
    let release = (): void => undefined;
    const held = new Promise<void>((done) => { release = done; });
    answer = async (route) => {
      await held;
      await route.continue().catch(() => undefined);
    };
    await open();
    await main.getByRole('status', { name: 'Loading…' }).first().waitFor();
    release();
    await shown();

    // No network, then an error: what it is, and a way to try again that keeps the focus in the page.
    answer = (route) => route.abort('internetdisconnected');
    await open();
    await main.getByText('The server was not reached').first().waitFor();
    const again = async (): Promise<void> => {
      await main.getByRole('button', { name: 'Try again' }).first().focus();
      await page.keyboard.press('Enter');
    };
    answer = problem(500, 'It broke in the test');
    await again();
    await main.getByText('It broke in the test').first().waitFor();
    answer = (route) => route.continue();
    await again();
    await shown();
    expect(await page.evaluate(() => document.activeElement?.tagName), 'the focus stays').not.toBe('BODY');

    // No permission.
    answer = problem(403, 'Refused in the test');
    await open();
    await main.getByText('You may not see this').first().waitFor();

    if (empty === undefined) return;
    answer = (route) => route.fulfill({ json: empty[0] });
    await open();
    await main.getByRole('heading', { name: empty[1] }).waitFor();
    expect(await main.getByRole('link').count(), 'an empty page leads on').toBeGreaterThan(0);
  });
});

test('B10: a list of which a part cannot be had', async () => {
  await visit(server, {}, async (page) => {
    await page.route(/\/forebay\/datasets(\?|$)/, async (route) => {
      const answer = await route.fetch();
      const body = (await answer.json()) as { items: object[] };
      await route.fulfill({ json: { ...body, items: body.items.map((one, i) => (i === 0 ? { ...one, rows: undefined, error: 'gone' } : one)) } });
    });
    await page.goto(`${server.url}/ui/prod/datasets`);
    await page.getByText(/1 table could not be looked at/).waitFor();
  });
});

test('B10: what is shown stays while the newest cannot be had', async () => {
  await visit(server, { expected: [/status of 500 /] }, async (page) => {
    await page.goto(`${server.url}/ui/prod/flows`);
    await page.getByText('demo-s3').first().waitFor();
    await page.route(/\/forebay\/flows\?/, problem(500, 'It broke in the test'));
    // Something happens: the page asks again.
    const { items: [flow] } = await server.call<{ items: { etag: string }[] }>(`/data/foundation/flowservice/flows/${there.flow}`);
    await server.call(`/data/foundation/flowservice/flows/${there.flow}`, { method: 'PATCH', headers: { 'if-match': flow?.etag ?? '' }, body: [{ op: 'replace', path: '/description', value: 'changed beside' }] });
    await page.getByText(/the newest could not be loaded/).waitFor();
    expect(await page.getByText('demo-s3').count()).toBeGreaterThan(0);
    await page.unroute(/\/forebay\/flows\?/);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText(/the newest could not be loaded/).waitFor({ state: 'detached' });
  });
});

/** A view by its address, or by its name in `World.views`; and what its filter holds. */
const views: readonly (readonly [view: string, filter?: string])[] = [
  ['/flows?q=demo&sort=-name', 'demo'], ['/datasets?q=orders', 'orders'], ['/accounts?q=Demo', 'Demo'], ['/?range=7d'], ['/monitoring?range=30d'],
  ['flows timeline'], ['flows settings'], ['runs rows'], ['runs log'], ['datasets history'], ['accounts credentials'], ['wizard mapping'], ['admin audit'],
];

test.concurrent.for(views)('B18: reload and a new tab show the same view of %s', async ([view, filter], { expect }) => {
  const seen = (page: Page): Promise<unknown> => page.evaluate(() => ({
    at: location.pathname + location.search,
    title: document.querySelector('h1')?.textContent,
    tab: document.querySelector('[role=tab][aria-selected=true]')?.textContent?.replaceAll(/[\d,]+/g, 'N'),
    filters: [...document.querySelectorAll<HTMLInputElement>('main input[type=search], main input[type=text]')].map((one) => one.value),
    pickers: [...document.querySelectorAll('main button[aria-haspopup=listbox]')].map((one) => one.textContent),
  }));
  // Parts that are loaded lazily come a moment after the page.
  const still = async (page: Page): Promise<unknown> => {
    for (let last = '', same = 0; ;) {
      const now = await seen(page);
      same = JSON.stringify(now) === last ? same + 1 : 0;
      if (same === 8) return now;
      last = JSON.stringify(now);
      await page.waitForTimeout(100);
    }
  };
  const path = view.startsWith('/') ? view : there.views[view];
  await visit(server, {}, async (page, context) => {
    await page.goto(`${server.url}/ui/prod${path ?? '/no/such/view'}`);
    await settled(page);
    const before = await still(page);
    if (filter !== undefined) expect((before as { filters: string[] }).filters).toContain(filter);
    await page.reload();
    await settled(page);
    await expect.poll(() => seen(page), { timeout: 20_000 }).toEqual(before);
    const second = await context.newPage();
    await second.goto(page.url());
    await settled(second);
    await expect.poll(() => seen(second), { timeout: 20_000 }).toEqual(before);
  });
});

test('B18: back and forward show the same view', async () => {
  await visit(server, {}, async (page) => {
    // Within the application: no page is loaded anew.
    await page.goto(`${server.url}/ui/prod/flows?q=demo`);
    await page.getByRole('link', { name: 'demo-s3', exact: true }).first().click();
    await page.getByRole('heading', { level: 1, name: 'demo-s3' }).waitFor();
    await page.getByRole('tab', { name: 'Timeline' }).click();
    await page.waitForURL(/tab=timeline/);
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Dataflows' }).waitFor();
    expect(await page.getByRole('searchbox', { name: 'Filter' }).first().inputValue()).toBe('demo');
    await page.goForward();
    await page.getByRole('heading', { level: 1, name: 'demo-s3' }).waitFor();
    await page.getByRole('tab', { name: 'Timeline', selected: true }).waitFor();
  });
});

test('B20: times in the zone of the browser, also on the day when clocks change', async () => {
  const { run } = await server.call<{ run: { startedAt: number } }>(`${OWN}/runs/${there.run}`);
  for (const timezoneId of ['Pacific/Pago_Pago', 'Asia/Kathmandu', 'Europe/Berlin']) {
    await visit(server, { timezoneId }, async (page) => {
      await page.goto(`${server.url}/ui/prod/runs/${there.run}`);
      await settled(page);
      const clock = new Intl.DateTimeFormat('en-US', { timeZone: timezoneId, day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' }).formatToParts(run.startedAt);
      const part = (type: string): string => clock.find((one) => one.type === type)?.value ?? '';
      const text = await page.locator('main').innerText();
      expect(text, timezoneId).toContain(`${part('hour')}:${part('minute')}:${part('second')} ${part('dayPeriod')}`);
      expect(text).toMatch(new RegExp(`\\w+ ${part('day')}, 20`));
    });
  }
  // 00:30 and 01:30 UTC are both half past two, before and after the clocks go back.
  await visit(server, { timezoneId: 'Europe/Berlin' }, async (page) => {
    const [from, to] = [Date.UTC(2026, 9, 25, 0, 30), Date.UTC(2026, 9, 25, 1, 30)];
    await page.goto(`${server.url}/ui/prod?from=${String(from)}&to=${String(to)}`);
    await settled(page);
    const text = await page.locator('main').innerText();
    expect(text).toMatch(/2:30:00 AM GMT\+2/);
    expect(text).toMatch(/2:30:00 AM GMT\+1/);
  });
});

test('B20: longer texts and the other direction of writing keep the layout', async () => {
  await visit(server, {}, async (page) => {
    for (const locale of ['pseudo', 'ar']) {
      for (const name of ['home', 'start', 'flows', 'flows overview', 'runs rows', 'datasets preview', 'accounts', 'monitoring', 'wizard schedule', 'wizard review', 'admin health']) {
        const path = there.views[name] ?? '';
        await page.goto(`${server.url}/ui/prod${path}${path.includes('?') ? '&' : '?'}locale=${locale}`);
        await settled(page);
        expect(await page.evaluate(() => getComputedStyle(document.querySelector('main') ?? document.body).direction)).toBe(locale === 'ar' ? 'rtl' : 'ltr');
        const faults = await page.evaluate(() => {
          const found: string[] = [];
          const { scrollWidth, clientWidth } = document.documentElement;
          if (scrollWidth > clientWidth) found.push(`the page is ${String(scrollWidth - clientWidth)} px too wide`);
          for (const one of document.querySelectorAll<HTMLElement>('main button, main h1, main h2, main label, nav a, [role=tab]')) {
            if (one.closest('[role=grid], [role=treegrid]') !== null) continue;
            if (getComputedStyle(one).overflowX !== 'visible' && one.scrollWidth > one.clientWidth + 1) found.push(`clipped: ${one.textContent ?? ''}`);
          }
          return found;
        });
        expect(faults, `${name} (${locale})`).toEqual([]);
      }
    }
  });
});

test('B9: reduced motion and forced colours', async () => {
  await visit(server, { reducedMotion: 'reduce', forcedColors: 'active' }, async (page) => {
    for (const name of ['home', 'flows', 'runs files']) {
      await page.goto(`${server.url}/ui/prod${there.views[name] ?? ''}`);
      await settled(page);
      const moving = await page.evaluate(() => document.getAnimations().filter((one) => {
        const { duration, iterations } = one.effect?.getComputedTiming() ?? {};
        return iterations === Infinity || Number(duration) > 1_000;
      }).length);
      expect(moving, `${name} moves on`).toBe(0);
      // A state is told by a word, not by its colour alone.
      expect(await page.getByText(/^(Succeeded, rows failed|Succeeded|Done|Healthy)$/).count(), name).toBeGreaterThan(0);
    }
  });
});

/** What a screen reader finds its way by: landmarks, headings, controls and columns; what changes with the data is left out. */
function structure(snapshot: string): string {
  const kept = /^\s*- '?(banner|navigation|main|contentinfo|region|alert|heading|link|button|tab|tablist|tabpanel|searchbox|textbox|spinbutton|combobox|checkbox|switch|radio|radiogroup|grid|table|columnheader|figure|slider|tree)\b/;
  return snapshot.split('\n').filter((line) => kept.test(line) && !/rowheader|gridcell|Run \d+:/.test(line))
    .map((line) => line.replace(/:$/, '').replace(/Signed in as [^"]+/, 'Signed in as somebody').replaceAll(/(?<!level=)\d[\d,.]*/g, 'N').replace(/Resume live updates|Pause live updates/, 'Live updates').replace(/(textbox "Start"): .*/, '$1').trimEnd()).join('\n') + '\n';
}

/** Pages, and by what one sees that the last of their parts has come: some are loaded when the page asks for them. */
const reviewed: readonly (readonly [view: string, last: (page: Page) => Locator])[] = [
  ['start', (page) => page.getByRole('button', { name: 'Bring in once more: Contacts from HubSpot' })],
  ['flows', (page) => page.getByRole('link', { name: 'demo-hubspot' })],
  ['flows settings', (page) => page.getByRole('textbox', { name: 'Start' })],
  ['runs rows', (page) => page.getByRole('columnheader', { name: 'Row' })],
  ['datasets preview', (page) => page.getByRole('columnheader', { name: /orderId/ })],
  ['wizard review', (page) => page.getByRole('columnheader', { name: 'orderId' })],
];

test('B9: the structure of main pages is the reviewed one', async () => {
  await visit(server, {}, async (page) => {
    for (const [name, last] of reviewed) {
      await page.goto(`${server.url}/ui/prod${there.views[name] ?? ''}`);
      await last(page).waitFor();
      await settled(page);
      await expect(structure(await page.locator('body').ariaSnapshot())).toMatchFileSnapshot(`structure/${name.replace(' ', '-')}.txt`);
    }
  });
});

/** For `make screenshots`: where they go. Else they are only taken. */
const images = process.env.FOREBAY_TEST_IMAGES;

test('B22: pictures of the main pages can be taken', async () => {
  const shots = [
    ['first-steps', 'start', 'light', 1280], ['overview', 'home', 'light', 1280], ['overview-dark', 'home', 'dark', 1280], ['dataflows', 'flows', 'light', 1280],
    ['dataflow', 'flows overview', 'light', 1280], ['mapping', 'wizard mapping', 'light', 1280], ['review', 'wizard review', 'light', 1280],
    ['run', 'runs rows', 'light', 1280], ['run-narrow', 'runs rows', 'light', 320], ['dataset', 'datasets preview', 'light', 1280], ['health', 'admin health', 'light', 1280],
  ] as const;
  if (images !== undefined) mkdirSync(join(root, images), { recursive: true });
  for (const scheme of ['light', 'dark'] as const) {
    await visit(server, { colorScheme: scheme, reducedMotion: 'reduce', timezoneId: 'UTC' }, async (page) => {
      for (const [file, view, , width] of shots.filter(([, , wanted]) => wanted === scheme)) {
        await page.setViewportSize({ width, height: width === 320 ? 640 : 800 });
        await page.goto(`${server.url}/ui/prod${there.views[view] ?? ''}`);
        await settled(page);
        const png = await page.screenshot({ animations: 'disabled' });
        // A blank page packs to a few kilobytes.
        expect(png.length, file).toBeGreaterThan(10_000);
        expect(png.length, file).toBeLessThan(150_000);
        if (images !== undefined) writeFileSync(join(root, images, `${file}.png`), png);
      }
    });
  }
});
