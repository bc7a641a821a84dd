import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Server, guarded, oracle, settled, visit } from './harness';

let server: Server;
beforeAll(async () => { server = await Server.start(); });
afterAll(() => server.stop());

const recipe = (page: Page): Locator => page.getByRole('button', { name: /^Bring in( once more)?: Orders from S3/ });

/** The table that a run wrote, as another program counts it: all rows of the sample but the one that is no record. */
async function counted(page: Page): Promise<void> {
  const path = await page.getByText(/\/lake\/tables\//).first().textContent();
  expect(JSON.parse(oracle('count', path ?? ''))).toMatchObject({ rows: 99_999 });
}

test('B1: the first five minutes with the mouse: at most 8 clicks, nothing typed, at most 60 s', async () => {
  await visit(server, { isSignedIn: false }, async (page) => {
    let clicks = 0;
    const click = async (at: Locator): Promise<void> => {
      clicks += 1;
      await at.click();
    };
    const began = Date.now();
    await page.goto(server.link);
    await click(page.getByRole('link', { name: 'First steps' }));
    await click(recipe(page));
    await click(page.getByRole('button', { name: 'Create and run now' }));
    await page.waitForURL(/\/runs\//);
    await page.getByText('Succeeded, rows failed').waitFor({ timeout: 60_000 });
    expect(await page.getByRole('link', { name: 'received 100,000' }).count()).toBe(1);
    await click(page.getByRole('link', { name: /^See the table/ }));
    await page.getByText('The first 100 rows are shown').waitFor();
    await counted(page);
    await click(page.getByRole('tab', { name: 'Open in…' }));
    await page.getByText('delta_scan').first().waitFor();
    expect(clicks).toBeLessThanOrEqual(8);
    expect(Date.now() - began).toBeLessThan(60_000);
  });
});

/** Tab after Tab until the focus is where it is wanted: there is a way without a mouse. */
async function reach(page: Page, wanted: Locator, key = 'Tab'): Promise<void> {
  await wanted.waitFor();
  for (let i = 0; i < 60; i += 1) {
    if (await wanted.evaluate((one) => one === document.activeElement)) {
      await ringed(page, wanted);
      return;
    }
    await page.keyboard.press(key);
  }
  throw new Error(`the focus does not come to ${String(wanted)}`);
}

/** Whoever looks at the screen sees where the focus is. */
async function ringed(page: Page, at: Locator): Promise<void> {
  await at.scrollIntoViewIfNeeded();
  const box = await at.boundingBox();
  if (box === null) throw new Error('the focus is on what is not shown');
  const clip = { x: Math.max(0, box.x - 6), y: Math.max(0, box.y - 6), width: box.width + 12, height: box.height + 12 };
  const shot = (): Promise<Buffer> => page.screenshot({ clip, animations: 'disabled' });
  await expect.poll(async () => {
    const focused = await shot();
    await at.evaluate((one: HTMLElement) => { one.blur(); });
    const blurred = await shot();
    await at.evaluate((one: HTMLElement) => { one.focus(); });
    return focused.equals(blurred);
  }, { timeout: 10_000, message: 'the focus is seen' }).toBe(false);
}

test('B2: the same by keyboard alone, with the focus seen at each step', async () => {
  await visit(server, {}, async (page) => {
    await page.addInitScript(() => {
      for (const kind of ['mousedown', 'pointerdown', 'touchstart']) {
        document.addEventListener(kind, () => { console.error(`${kind}: a pointer was used`); }, true);
      }
    });
    await page.goto(`${server.url}/ui/`);
    // A demo leads there by itself. After a change of page the focus is at its heading.
    await page.getByRole('heading', { level: 1, name: 'Three steps' }).waitFor();
    await reach(page, page.getByRole('link', { name: 'Overview' }), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await reach(page, page.getByRole('link', { name: 'First steps' }), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Three steps' }).waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
    await reach(page, recipe(page));
    await page.keyboard.press('Enter');
    await reach(page, page.getByRole('button', { name: 'Create and run now' }));
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/runs\//);
    await page.getByText('Succeeded, rows failed').waitFor({ timeout: 60_000 });
    await reach(page, page.getByRole('link', { name: /^See the table/ }));
    await page.keyboard.press('Enter');
    await page.getByText('The first 100 rows are shown').waitFor();
    await counted(page);
    await reach(page, page.getByRole('tab', { name: 'Preview' }));
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await page.getByText('delta_scan').first().waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.press('f');
    await page.getByRole('heading', { level: 1, name: 'Dataflows' }).waitFor();
  });
});

test('B12: the policy is strict, and the guards of these tests see what breaks it', async () => {
  const policy = (await fetch(`${server.url}/ui/`)).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("object-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  const { page, context, complaints } = await guarded(server);
  try {
    await page.goto(`${server.url}/ui/prod`);
    await settled(page);
    expect(complaints).toEqual([]);
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      console.error('planted in the console');
      setTimeout(() => { throw new Error('planted on the page'); });
      setTimeout(() => { alert('planted dialog'); });
    });
    expect(await page.evaluate(() => (window as { ran?: boolean }).ran)).toBeUndefined();
    await page.goto('http://127.0.0.2:9/planted').catch(() => undefined);
    for (const planted of ['policy: script-src-elem blocked inline', 'planted in the console', 'planted on the page', 'planted dialog', 'request to http://127.0.0.2:9/planted']) {
      await expect.poll(() => complaints.some((one) => one.includes(planted)), { message: planted, timeout: 10_000 }).toBe(true);
    }
  } finally {
    await context.close();
  }
});
