import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FLOWSERVICE, OWN, Server, putObject, settled, visit } from './harness';
import { bringIn } from './world';

let server: Server;
beforeAll(async () => { server = await Server.start(); });
afterAll(() => server.stop());

/** Breaks out of attributes and tags, templates, shells and spreadsheets, writes backwards, and is long. */
const HOSTILE = `"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}} \${7*7} '; DROP TABLE x;-- \u202Egnp.exe=1+1 ${'W'.repeat(60)}`;

test('B7: another sandbox shows nothing of this one, by whatever address', async () => {
  await visit(server, { expected: [/status of (403|404) /] }, async (page) => {
    const run = await bringIn(page, server, 'Orders from S3');
    const { flow, dataset, source } = await server.call<{ flow: { id: string; name: string }; dataset: { id: string; name: string }; source: { connection: { id: string } } }>(`${OWN}/runs/${run}`);
    await server.call('/data/foundation/sandbox-management/sandboxes', { method: 'POST', body: { name: 'dev-b7', title: 'Development', type: 'development' } });
    await page.goto(`${server.url}/ui/prod/flows`);
    await page.getByRole('button', { name: /^Sandbox: prod/ }).click();
    await page.getByRole('menuitemradio', { name: /dev-b7|Development/ }).or(page.getByRole('menuitem', { name: /dev-b7/ })).first().click();
    await page.waitForURL(/\/ui\/dev-b7/);
    await page.goto(`${server.url}/ui/dev-b7/flows`);
    await page.getByText('No dataflows yet').waitFor();
    for (const foreign of [`/flows/${flow.id}`, `/runs/${run}`, `/datasets/${dataset.id}`, `/accounts/${source.connection.id}`, `/flows/${flow.id}?tab=yaml`]) {
      await page.goto(`${server.url}/ui/dev-b7${foreign}`);
      await page.getByRole('alert').or(page.getByText(/not found|no such|is no |does not exist|There is no/i)).first().waitFor();
      const text = await page.locator('main').innerText();
      for (const name of [flow.name, dataset.name, 'Demo S3']) expect(text, foreign).not.toContain(name);
    }
    // The jump bar does not find it either.
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').getByRole('searchbox').fill(flow.id);
    await page.getByText(/^Nothing is called/).waitFor();
    await page.goto(`${server.url}/ui/nowhere/flows`);
    await page.getByRole('heading', { level: 1, name: 'There is no such page' }).waitFor();
  });
});

test('B6: two people edit one dataflow: the second sees the difference, and nothing is lost', async () => {
  await visit(server, {}, async (page) => {
    const run = await bringIn(page, server, 'Orders from S3');
    const { flow } = await server.call<{ flow: { id: string } }>(`${OWN}/runs/${run}`);
    const settings = `${server.url}/ui/prod/flows/${flow.id}?tab=settings`;
    await visit(server, { expected: [/status of 412 /] }, async (other) => {
      await page.goto(settings);
      await other.goto(settings);
      await page.getByRole('textbox', { name: 'Description', exact: true }).fill('What the first one wrote');
      await other.getByRole('textbox', { name: 'Description', exact: true }).fill('What the second one wrote');
      await other.getByRole('textbox', { name: 'Name', exact: true }).fill('renamed by the second');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText('Saved.').first().waitFor();
      await other.getByRole('button', { name: 'Save', exact: true }).click();
      await other.getByText('Somebody changed this dataflow meanwhile').waitFor();
      await other.getByText('What the first one wrote').first().waitFor();
      expect(await other.getByRole('textbox', { name: 'Description', exact: true }).inputValue()).toBe('What the second one wrote');
      await other.getByRole('radio', { name: /^Theirs: / }).first().check({ force: true });
      await other.getByRole('button', { name: 'Save', exact: true }).first().click();
      await other.getByText('Saved.').first().waitFor();
    });
    const { items } = await server.call<{ items: { name: string; description: string }[] }>(`${FLOWSERVICE}/flows/${flow.id}`);
    expect(items[0]).toMatchObject({ name: 'renamed by the second', description: 'What the first one wrote' });
  });
});

test('B21: what is copied works in a terminal, and holds no secret', async () => {
  await visit(server, { permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
    const run = await bringIn(page, server, 'Orders from S3');
    const { flow, dataset, source } = await server.call<{ flow: { id: string }; dataset: { id: string }; source: { connection: { id: string } } }>(`${OWN}/runs/${run}`);
    const places = [
      '', '/start', '/sources', '/accounts', '/flows', '/datasets', '/monitoring', '/alerts', `/accounts/${source.connection.id}`,
      ...['overview', 'mapping', 'schema', 'yaml'].map((tab) => `/flows/${flow.id}?tab=${tab}`),
      ...['files', 'rows', 'log'].map((tab) => `/runs/${run}?tab=${tab}`),
      ...['preview', 'history'].map((tab) => `/datasets/${dataset.id}?tab=${tab}`),
      '/admin/audit', '/admin/sandboxes', '/admin/users',
    ];
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: server.credentials.clientId, client_secret: server.credentials.clientSecret, scope: 'openid' });
    const { access_token: token } = (await (await fetch(`${server.url}/ims/token/v3`, { method: 'POST', body: form })).json()) as { access_token: string };
    const env = {
      ...process.env, TOKEN: token, FOREBAY_URL: server.url, FOREBAY_CLIENT_ID: server.credentials.clientId, FOREBAY_CLIENT_SECRET: server.credentials.clientSecret,
      FOREBAY_ORG: server.credentials.imsOrgId, FOREBAY_SANDBOX: 'prod', PATH: `${server.commands()}:${process.env.PATH ?? ''}`, HOME: server.dir,
    };
    const failed: string[] = [];
    let copies = 0;
    for (const place of places) {
      await page.goto(`${server.url}/ui/prod${place}`);
      await settled(page);
      const menus = page.getByRole('button', { name: /^Copy as/ });
      for (let i = 0; i < (await menus.count()); i += 1) {
        for (const way of ['curl', 'Command line', 'YAML']) {
          await menus.nth(i).click();
          const item = page.getByRole('menuitem', { name: way, exact: true });
          await page.getByRole('menu').waitFor();
          if ((await item.count()) === 0) {
            await page.keyboard.press('Escape');
            await page.getByRole('menu').waitFor({ state: 'detached' });
            continue;
          }
          await page.evaluate(() => navigator.clipboard.writeText(''));
          await item.click();
          await expect.poll(() => page.evaluate(() => navigator.clipboard.readText()), { timeout: 20_000 }).not.toBe('');
          const text = await page.evaluate(() => navigator.clipboard.readText());
          copies += 1;
          for (const secret of ['playground-secret-not-for-production', server.credentials.clientSecret, token]) expect(text).not.toContain(secret);
          if (way === 'YAML') continue;
          // What changes something is shown, not run, here.
          if (/ -X (POST|PATCH|PUT|DELETE)|^forebay (run|demo|serve)/.test(text)) continue;
          try {
            execFileSync('bash', ['-euo', 'pipefail', '-c', text.replace('curl -sS', 'curl -sSf')], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
          } catch (error) {
            failed.push(`${place} ${way}: ${text}\n${String((error as { stderr?: Buffer }).stderr)}`);
          }
        }
      }
    }
    expect(failed).toEqual([]);
    expect(copies).toBeGreaterThanOrEqual(20);
  });
});

// The last: it renames what the others look for.
test('B11: hostile names, cells, files and errors are text', async () => {
  await visit(server, { expected: [/status of (400|404|422) /] }, async (page) => {
    const { recipes } = await server.call<{ recipes: { id: string; source: Record<string, unknown> & { details: object; target: { schema: object } }; connection: { id: string } }[] }>(`${OWN}/demo`);
    const recipe = recipes.find(({ id }) => id === 's3');
    if (recipe === undefined) throw new Error('no recipe');
    const account = await server.call<{ etag: string }>(`${FLOWSERVICE}/connections/${recipe.connection.id}`).then((answer) => ('items' in answer ? (answer as unknown as { items: { etag: string }[] }).items[0] : answer));
    await server.call(`${FLOWSERVICE}/connections/${recipe.connection.id}`, {
      method: 'PATCH', headers: { 'if-match': account?.etag ?? '' },
      body: [{ op: 'replace', path: '/name', value: HOSTILE.slice(0, 200) }, { op: 'add', path: '/description', value: HOSTILE }],
    });
    // A file whose name, header and cells are hostile, and a row that is no record.
    const file = 'hostile/<img src=x onerror=alert(3)> \'&quot;.csv';
    putObject(server, file, `id,"<script>alert(4)</script>","=cmd|' /C calc'!A0"\n1,"<svg/onload=alert(5)>","${'x'.repeat(5_000)}"\n2,"javascript:alert(6)","\u202Etxt"\n`);
    putObject(server, 'orders/2026/11/part-0000.csv.gz', gzipSync(`order_id,ordered_at,customer_id,customer_email,country,sku,product,quantity,unit_price,discount,amount,currency,status,shipped_at\n<img src=x onerror=alert(7)>${',x'.repeat(14)}\n`));
    const draft = await server.call<{ id: string }>(`${OWN}/drafts`, { method: 'POST', body: {
      kind: 'flow', name: HOSTILE.slice(0, 200), step: 'review',
      state: { ...recipe.source, details: { ...recipe.source.details, name: HOSTILE, description: HOSTILE }, target: { ...recipe.source.target, datasetName: HOSTILE, schema: { ...recipe.source.target.schema, title: HOSTILE } } },
    } });
    await page.goto(`${server.url}/ui/prod/flows/new?draft=${draft.id}&step=review`);
    await page.getByRole('button', { name: 'Create and run now' }).click();
    await page.waitForURL(/\/runs\//);
    await page.getByText(/^(Succeeded|Succeeded, rows failed|Failed)$/).first().waitFor({ timeout: 60_000 });
    const run = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    const { flow, dataset } = await server.call<{ flow: { id: string }; dataset: { id: string } }>(`${OWN}/runs/${run}`);

    const views = [
      '', '/start', '/flows', '/accounts', '/datasets', '/monitoring', '/monitoring?view=codes', `/accounts/${recipe.connection.id}`,
      `/accounts/${recipe.connection.id}?tab=explore`, ...['overview', 'timeline', 'mapping', 'settings', 'yaml', 'schema'].map((tab) => `/flows/${flow.id}?tab=${tab}`),
      ...['files', 'rows', 'log', 'config', 'metrics'].map((tab) => `/runs/${run}?tab=${tab}`),
      ...['preview', 'history', 'open', 'flows'].map((tab) => `/datasets/${dataset.id}?tab=${tab}`),
      '/admin/audit', `/flows?q=${encodeURIComponent(HOSTILE)}`, `/alerts?sort=${encodeURIComponent(HOSTILE)}`, `/runs/${encodeURIComponent('<img src=x onerror=alert(8)>')}`,
    ];
    for (const view of views) {
      await page.goto(`${server.url}/ui/prod${view}`);
      await settled(page);
      expect(await page.evaluate(() => document.querySelectorAll('img[src="x"], script:not([src]), [onerror], [onload]').length), view).toBe(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${view} is not wider than the window`).toBeLessThanOrEqual(0);
    }
    await page.goto(`${server.url}/ui/prod/flows/${flow.id}`);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('<img src=x onerror=alert(1)>');
    await page.goto(`${server.url}/ui/prod/runs/${run}?tab=rows`);
    await page.getByText('<img src=x onerror=alert(7)>').first().waitFor();
    await page.goto(`${server.url}/ui/prod/accounts/${recipe.connection.id}?tab=explore`);
    await page.getByRole('treeitem', { name: 'hostile' }).click();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('treeitem', { name: 'onerror=alert(3)' }).click();
    await page.getByText('<svg/onload=alert(5)>').first().waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').getByRole('searchbox').fill('<img src=x');
    await page.getByRole('dialog').getByRole('menuitem', { name: '<img src=x onerror=alert(1)>' }).first().waitFor();
  });
});
