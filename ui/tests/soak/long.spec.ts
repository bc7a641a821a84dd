import type { CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OWN, Server, browser, settled, visit } from '../browser/harness';
import { type World, world } from '../browser/world';

/** The bars are for an idle machine: a loaded one may take three times as long. */
const LOADED = 3;

let server: Server;
let there: World;
beforeAll(async () => {
  server = await Server.start();
  there = await world(server);
});
afterAll(() => server.stop());

function told(what: string, value: number, bar: number): void {
  console.log(`${what}: ${value.toFixed(0)} (bar ${String(bar)})`);
}

/** How long it takes from an act until the page shows what it brings, in the page's own time. */
async function timed(page: Page, act: () => Promise<unknown>, shows: string): Promise<number> {
  await page.evaluate((text) => {
    const of = window as unknown as { shown?: Promise<number>; from?: number };
    of.from = undefined;
    const start = (): void => { of.from ??= performance.now(); };
    for (const kind of ['keydown', 'pointerdown']) document.addEventListener(kind, start, { capture: true, once: true });
    of.shown = new Promise((done) => {
      const look = (): void => {
        if (of.from !== undefined && document.body.innerText.includes(text)) done(performance.now() - of.from);
        else requestAnimationFrame(look);
      };
      look();
    });
  }, shows);
  await act();
  return page.evaluate(() => (window as unknown as { shown: Promise<number> }).shown);
}

async function slowed(page: Page, rate: number): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate });
  return session;
}

async function heap(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly args?: { readonly name?: string };
  /** CPU time of the thread, in microseconds. */
  readonly tdur?: number;
}

test('B13: a list of 1,000 dataflows', async () => {
  const { items: [one] } = await server.call<{ items: object[] }>(`${OWN}/flows`);
  const items = Array.from({ length: 1_000 }, (_, i) => ({ ...one, id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`, name: `flow ${String(i).padStart(4, '0')}` }));
  await visit(server, {}, async (page) => {
    await page.route(/\/forebay\/flows\?/, (route) => route.fulfill({ json: { items, total: items.length } }));
    await page.goto(`${server.url}/ui/prod/flows`);
    await page.getByText('1,000 shown').waitFor();
    const rows = await page.locator('[role=row]').count();
    told('B13 rows in the document', rows, 60);
    expect(rows).toBeLessThanOrEqual(60);

    const filter = page.getByRole('searchbox', { name: 'Filter' });
    await filter.focus();
    // What all rows have in common filters nothing.
    await page.keyboard.type('flow 099');
    await page.getByText('11 of 1,000 shown').waitFor();
    const took = await timed(page, () => page.keyboard.press('7'), '\n1 of 1,000 shown');
    told('B13 filter, ms', took, 100);
    expect(took).toBeLessThanOrEqual(100 * LOADED);
    await filter.fill('');
    await page.getByText('1,000 shown').waitFor();

    const byName = page.getByRole('columnheader', { name: 'Name' }).getByRole('button');
    await byName.click();
    const sorted = await timed(page, () => byName.click(), 'flow 0999');
    told('B13 sort, ms', sorted, 100);
    expect(sorted).toBeLessThanOrEqual(100 * LOADED);

    const session = await slowed(page, 4);
    // What the page itself computes in one go, by the clock of its thread: whoever else uses the machine is not in it.
    await (await browser()).startTracing(page, { categories: ['toplevel'] });
    await page.mouse.move(640, 500);
    for (let i = 0; i < 20; i += 1) await page.mouse.wheel(0, 400);
    await page.getByRole('link', { name: 'flow 0800' }).waitFor();
    const { traceEvents } = JSON.parse((await (await browser()).stopTracing()).toString()) as { traceEvents: readonly TraceEvent[] };
    await session.send('Emulation.setCPUThrottlingRate', { rate: 1 });
    const threads = new Set(traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(({ pid, tid }) => `${String(pid)}/${String(tid)}`));
    const tasks = traceEvents.filter(({ name, pid, tid, tdur }) => name.endsWith('RunTask') && tdur !== undefined && threads.has(`${String(pid)}/${String(tid)}`)).map(({ tdur = 0 }) => tdur / 1_000).sort((x, y) => x - y);
    const most = tasks.at(-1) ?? Infinity;
    told('B13 longest frame at 4 x slow-down, ms', most, 50);
    expect(most).toBeLessThanOrEqual(50 * LOADED);
    await page.getByRole('checkbox', { name: 'Select All' }).or(page.getByRole('checkbox', { name: 'Select all' })).first().click({ force: true });
    await page.getByText(/1,000 selected|All selected/i).first().waitFor();
  });
});

test('B14: a log of 100,000 lines that is followed', async () => {
  const total = 100_000;
  const line = (seq: number): object => ({ seq, at: 1_795_655_615_676 + seq, level: seq % 1_000 === 0 ? 'error' : 'info', message: `line number ${String(seq)} of the log` });
  await visit(server, {}, async (page) => {
    await page.route(/\/runs\/[^/]+\/log\?/, (route) => {
      const query = new URL(route.request().url()).searchParams;
      const [start, limit] = [Number(query.get('start') ?? 0), Number(query.get('limit') ?? 1_000)];
      const count = Math.max(0, Math.min(limit, total - start));
      return route.fulfill({ json: { items: Array.from({ length: count }, (_, i) => line(start + i)), total } });
    });
    const session = await page.context().newCDPSession(page);
    await page.goto(`${server.url}/ui/prod/runs/${there.run}?tab=log`);
    await page.getByText('100,000 lines', { exact: true }).waitFor({ timeout: 240_000 });
    const search = page.getByRole('searchbox', { name: 'Search in the log' });
    await search.focus();
    await page.keyboard.type('number 9999');
    const took = await timed(page, () => page.keyboard.press('8'), 'line number 99998 of the log');
    told('B14 search in the log, ms', took, 200);
    expect(took).toBeLessThanOrEqual(200 * LOADED);
    const lines = await page.getByRole('log').locator('time').count();
    expect(lines).toBeLessThanOrEqual(200);
    const used = (await heap(session)) / 1e6;
    told('B14 memory, MB', used, 150);
    expect(used).toBeLessThanOrEqual(150);
  });
});

test('B14: a preview of 100 columns and a mapping of 1,000', async () => {
  const columns = Array.from({ length: 1_000 }, (_, i) => `column_${String(i).padStart(4, '0')}`);
  const rows = Array.from({ length: 20 }, (_, r) => Object.fromEntries(columns.map((name, i) => [name, String(r * i)])));
  await visit(server, { expected: [/status of (400|413|422) /] }, async (page) => {
    const draft = await server.call<{ items: { state: { data: object; target: { schema: object } } }[] }>(`${OWN}/drafts/${there.draft}`);
    const state = draft.items[0]?.state;
    if (state === undefined) throw new Error('the draft is gone');
    const wide = await server.call<{ id: string }>(`${OWN}/drafts`, { method: 'POST', body: { kind: 'flow', name: 'wide', step: 'mapping', state: {
      ...state,
      target: { ...state.target, schema: { ...state.target.schema, fields: columns.map((name) => ({ path: `_forebay.${name}`, type: 'string' })) } },
      mapping: columns.map((name) => ({ sourceType: 'ATTRIBUTE', source: name, destination: `_forebay.${name}` })),
    } } });
    await page.route(/\/explore\?.*(preview=true|objectType=file)/, (route) => route.fulfill({ json: { format: 'flat', schema: { columns: columns.map((name) => ({ name, type: 'string' })) }, data: rows } }));
    const session = await page.context().newCDPSession(page);
    await page.goto(`${server.url}/ui/prod/flows/new?draft=${wide.id}&step=mapping`);
    await page.getByText('Mapped 1000/1000').or(page.getByText('Mapped 1,000/1,000')).first().waitFor({ timeout: 120_000 });
    const filter = page.getByRole('searchbox', { name: 'Filter fields' });
    await filter.focus();
    await page.keyboard.type('column_099');
    const took = await timed(page, () => page.keyboard.press('7'), '1 field');
    told('B14 filter of 1,000 rules, ms', took, 200);
    expect(took).toBeLessThanOrEqual(200 * LOADED);
    const used = (await heap(session)) / 1e6;
    told('B14 memory of the mapping, MB', used, 150);
    expect(used).toBeLessThanOrEqual(150);
  });
});

test('B16: the first load', async () => {
  await visit(server, {}, async (page) => {
    const session = await slowed(page, 4);
    await session.send('Network.enable');
    let bytes = 0;
    const scripts = new Set<string>();
    session.on('Network.responseReceived', ({ requestId, response }) => { if (/\.js$/.test(new URL(response.url).pathname)) scripts.add(requestId); });
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => { if (scripts.has(requestId)) bytes += encodedDataLength; });
    await page.goto(`${server.url}/ui/prod/start`, { waitUntil: 'commit' });
    const took = await page.evaluate(() => new Promise<number>((done) => {
      const look = (): void => {
        if ((document.querySelector('h1')?.textContent ?? '') !== '') done(performance.now());
        else requestAnimationFrame(look);
      };
      look();
    }));
    told('B16 content at 4 x slow-down, ms', took, 1_500);
    expect(took).toBeLessThanOrEqual(1_500 * LOADED);
    await settled(page);
    told('B16 scripts of the first page, KB', bytes / 1024, 430);
    // The first load's 350 KB, and the page's own 80.
    // A build that is tested in place of the program's own is served as it is, not packed.
    if (process.env.FOREBAY_TEST_UI === undefined) expect(bytes / 1024).toBeLessThanOrEqual(430);
  });
});

test('B17: 200 changes of page leave no memory behind', { timeout: 1_200_000 }, async () => {
  await visit(server, {}, async (page) => {
    const session = await page.context().newCDPSession(page);
    const names = ['Overview', 'Dataflows', 'Monitoring', 'Datasets', 'Accounts'];
    await page.goto(`${server.url}/ui/prod`);
    await settled(page);
    const round = async (): Promise<void> => {
      for (const name of names) {
        await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name, exact: true }).click();
        await page.getByRole('heading', { level: 1, name }).waitFor();
        await settled(page);
      }
    };
    // What is loaded once is no leak.
    for (let i = 0; i < 4; i += 1) await round();
    const before = await heap(session);
    for (let i = 0; i < 40; i += 1) await round();
    const grown = ((await heap(session)) - before) / 1e6;
    told('B17 growth after 200 changes of page, MB', grown, 10);
    expect(grown).toBeLessThanOrEqual(10);
  });
});

// The last: it ends the server.
test('B15: a page that is followed survives the death of the server, and one that is paused stays so', async () => {
  await visit(server, { expected: [/ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE)/, /status of (401|500|503) /] }, async (page, context) => {
    const paused = await context.newPage();
    await paused.goto(`${server.url}/ui/prod/flows`);
    await settled(paused);
    await paused.getByRole('button', { name: 'Pause live updates' }).click();
    await paused.getByRole('button', { name: 'Resume live updates' }).waitFor();
    await page.goto(`${server.url}/ui/prod/flows`);
    await settled(page);
    await page.getByText('Live', { exact: true }).waitFor();
    const { dir, url } = server;
    await server.kill();
    await page.getByText('Reconnecting: what you see may be old').waitFor();
    expect(await page.getByRole('link', { name: 'demo-s3', exact: true }).count()).toBe(1);
    server = await Server.start({ dir, port: new URL(url).port });
    const began = Date.now();
    await page.getByText('Live', { exact: true }).waitFor();
    const { items: [flow] } = await server.call<{ items: { etag: string }[] }>(`/data/foundation/flowservice/flows/${there.flow}`);
    await server.call(`/data/foundation/flowservice/flows/${there.flow}`, { method: 'PATCH', headers: { 'if-match': flow?.etag ?? '' }, body: [{ op: 'replace', path: '/name', value: 'renamed after the restart' }] });
    await page.getByRole('link', { name: 'renamed after the restart', exact: true }).waitFor();
    const took = Date.now() - began;
    told('B15 healed after, ms', took, 5_000);
    expect(took).toBeLessThanOrEqual(5_000 * LOADED);
    expect(await page.getByRole('link', { name: 'renamed after the restart', exact: true }).count()).toBe(1);
    expect(await paused.getByRole('button', { name: 'Resume live updates' }).count()).toBe(1);
    expect(await paused.getByRole('link', { name: 'renamed after the restart', exact: true }).count()).toBe(0);
  });
});
