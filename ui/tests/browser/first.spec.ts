import { afterAll, beforeAll, expect, test } from 'vitest';
import { Server, visit } from './harness';

let server: Server;
beforeAll(async () => { server = await Server.start(); });
afterAll(() => server.stop());

test('B1 explore', async () => {
  await visit(server, { isSignedIn: false }, async (page) => {
    const t0 = Date.now();
    const at = (x) => console.log(x, Date.now() - t0, page.url());
    const shot = async (n) => { await page.screenshot({ path: `/tmp/t-shots/${n}.png`, fullPage: true }); };
    await page.goto(server.link);
    await page.getByRole('heading', { level: 1 }).waitFor();
    at('h1');
    await page.getByRole('link', { name: 'First steps' }).click();
    await page.getByRole('button', { name: /^Bring in: / }).first().waitFor();
    at('start'); await shot('start');
    console.log(await page.locator('main').ariaSnapshot());
    await page.getByRole('button', { name: /^Bring in: / }).first().click();
    await page.getByRole('button', { name: 'Create and run now' }).waitFor();
    at('review'); 
    await page.waitForTimeout(1500);
    await shot('review');
    console.log(await page.locator('main').ariaSnapshot());
    await page.getByRole('button', { name: 'Create and run now' }).click();
    await page.waitForURL(/\/runs\//);
    at('run');
    await page.waitForTimeout(4000);
    await shot('run');
    console.log(await page.locator('main').ariaSnapshot());
    await page.getByRole('link', { name: /See the table/ }).click();
    await page.waitForTimeout(2000);
    await shot('table');
    console.log(await page.locator('main').ariaSnapshot());
  });
});
