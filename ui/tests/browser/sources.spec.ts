import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Download, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OWN, S3, Server, oracle, program, putObject, visit } from './harness';
import { bringIn } from './world';

let server: Server;
beforeAll(async () => { server = await Server.start(); });
afterAll(() => server.stop());

const put = (name: string, bytes: string | Buffer): void => { putObject(server, name, bytes); };

async function nextStep(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: `Next: ${name}` }).click();
  await page.getByRole('heading', { level: 2, name: new RegExp(`: ${name}`) }).waitFor();
}

async function tableOf(flow: string): Promise<string> {
  const { target } = await server.call<{ target: { dataset: { id: string } } }>(`${OWN}/flows/${flow}`);
  return (await server.call<{ path: string }>(`${OWN}/datasets/${target.dataset.id}`)).path;
}

async function kept(download: Download): Promise<string> {
  const file = join(server.dir, 'download');
  await download.saveAs(file);
  return readFileSync(file, 'utf8');
}

const flowOf = async (page: Page): Promise<string> =>
  (await page.getByRole('navigation', { name: 'Breadcrumbs' }).getByRole('link').nth(1).getAttribute('href'))?.split('/').at(-1) ?? '';

test('B3: files of S3, from a new account to a run that fails, is mended and tried again', async () => {
  const BROKEN = [7, 20];
  const rows = Array.from({ length: 40 }, (_, i) => [`${String(i + 1)}`, `Person ${String(i + 1)}`, `${String(i)}.5`]);
  const lines = rows.map((row, i) => [...row, ...(BROKEN.includes(i) ? ['one too many'] : [])].join(','));
  put('sales/2026.csv', `${['id,name,amount', ...lines].join('\n')}\n`);
  await visit(server, {}, async (page) => {
    await page.goto(`${server.url}/ui/prod/flows/new`);
    await page.getByText('Amazon S3 –').click();
    await nextStep(page, 'Account');
    await page.getByText('New account').click();
    await page.getByLabel('Name', { exact: true }).fill('Sales bucket');
    await page.getByLabel('Access key').fill(S3.key);
    await page.getByLabel('Secret key').fill(S3.secret);
    await page.getByLabel('Service URL').fill(server.told.s3 as string);
    await page.getByLabel('Bucket').fill('playground');
    await page.getByRole('button', { name: 'Save the account' }).click();
    await page.getByText('All checks passed').waitFor();
    await nextStep(page, 'Data');
    await page.getByRole('treeitem', { name: 'sales' }).click();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('treeitem', { name: '2026.csv' }).click();
    await page.getByText('Person 1', { exact: true }).waitFor();
    await nextStep(page, 'Mapping');
    await page.getByLabel('Name of the dataset').fill('Sales of people');
    await page.getByText('Mapped 3/3').waitFor();
    await nextStep(page, 'Schedule');
    await page.getByText('Once', { exact: true }).first().waitFor();
    await nextStep(page, 'Details');
    await page.getByLabel('Name', { exact: true }).fill('sales');
    // At most 1 % may fail, two of 40 are 5 %.
    if (!(await page.getByLabel('Go on when single rows fail').isChecked())) await page.getByText('Go on when single rows fail').click();
    await page.getByRole('textbox', { name: 'Fail the run above this share of failed rows' }).fill('1');
    await page.keyboard.press('Tab');
    await nextStep(page, 'Review');
    await page.getByRole('button', { name: 'Create and run now' }).click();
    await page.waitForURL(/\/runs\//);
    await page.getByText('Failed', { exact: true }).first().waitFor({ timeout: 60_000 });
    const flow = await flowOf(page);

    await page.getByRole('tab', { name: /^Failed rows/ }).click();
    // The rows that are no records, by the file's own lines: the header is line 1.
    await page.getByRole('row', { name: /sales\/2026\.csv 9 .*INGEST-1401-400/ }).waitFor();
    await page.getByRole('row', { name: /sales\/2026\.csv 22 .*INGEST-1401-400/ }).waitFor();

    // The repair: so many may fail. Then the same window is read again.
    const run = page.url();
    await page.goto(`${server.url}/ui/prod/flows/${flow}?tab=settings`);
    await page.getByRole('textbox', { name: 'At most this share of rows may fail (%)' }).fill('10');
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('Saved. It applies').first().waitFor();
    await page.goto(run);
    await page.getByRole('button', { name: 'Retry' }).first().click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Retry' }).click();
    await page.getByText('Succeeded, rows failed', { exact: true }).first().waitFor({ timeout: 60_000 });

    const { tenant } = (await server.call<{ tenant: string }>(`${OWN}/session`));
    const expected = join(server.dir, 'expected.jsonl');
    writeFileSync(expected, rows.filter((_, i) => !BROKEN.includes(i)).map(([id, name, amount]) => JSON.stringify({ [`_${tenant.replace(/^_/, '')}`]: { id: Number(id), name, amount: Number(amount) } })).join('\n'));
    expect(oracle('compare', await tableOf(flow), expected, '--key', `_${tenant.replace(/^_/, '')}.id`)).toContain('38 rows, as expected');
  });
});

test('B4: contacts of HubSpot, with a token that expires and is renewed', async () => {
  await visit(server, {}, async (page) => {
    await bringIn(page, server, 'Contacts from HubSpot');
    const flow = await flowOf(page);
    const count = async (): Promise<{ version: number; rows: number }> => JSON.parse(oracle('count', await tableOf(flow))) as { version: number; rows: number };
    const first = await count();
    expect(first.rows).toBeGreaterThanOrEqual(1_000);

    await page.getByRole('button', { name: /^Demo data/ }).click();
    await page.getByRole('menuitemradio', { name: /HubSpot/ }).click();
    await page.getByRole('button', { name: /HubSpot/ }).waitFor();
    await page.goto(`${server.url}/ui/prod/flows/${flow}`);
    await page.getByRole('button', { name: 'Run now' }).click();
    await page.getByRole('alertdialog').getByRole('button').last().click();
    await page.getByText('The run waits for a worker.').waitFor();
    await page.goto(`${server.url}/ui/prod`);
    // The overview says what to do, and leads there.
    const need = page.getByRole('region', { name: 'Needs action' });
    await need.getByText('demo-hubspot').first().waitFor({ timeout: 60_000 });
    const { items } = await server.call<{ items: readonly { readonly id: string }[] }>(`${OWN}/runs?flow=${flow}&limit=1`);
    await page.goto(`${server.url}/ui/prod/runs/${items[0]?.id ?? ''}`);
    await page.getByText('Failed', { exact: true }).first().waitFor();
    expect(await count()).toEqual(first);

    // Nothing is mended by trying again.
    await page.getByRole('button', { name: 'Retry' }).first().click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('link', { name: 'Replace credentials' }).first().click();
    await page.getByRole('heading', { level: 1, name: 'Demo HubSpot' }).waitFor();
    await page.getByRole('tab', { name: 'Credentials' }).click();
    const fresh = await credentials();
    for (const [label, value] of [['Client secret', fresh.clientSecret], ['Refresh token', fresh.refreshToken]] as const) {
      await page.getByRole('button', { name: `Replace: ${label}` }).click();
      await page.getByLabel(label, { exact: true }).fill(value);
    }
    await server.call(`${OWN}/demo`, { method: 'PUT', body: { fault: null } });
    await page.getByRole('button', { name: 'Replace credentials' }).click();
    await page.getByText('All checks passed').waitFor();
    expect(await page.content()).not.toContain(fresh.refreshToken);

    await page.goto(`${server.url}/ui/prod/runs/${items[0]?.id ?? ''}`);
    await page.getByText(/^(Failed|Succeeded)$/).first().waitFor({ timeout: 60_000 });
    if ((await page.getByRole('button', { name: 'Retry' }).count()) > 0) {
      await page.getByRole('button', { name: 'Retry' }).first().click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Retry' }).click();
    }
    await page.getByText('Succeeded', { exact: true }).first().waitFor({ timeout: 60_000 });
    const last = await count();
    expect(last.rows).toBeGreaterThanOrEqual(first.rows);
  });
});

test('B5: a column that the source has anew is told, approved and stored', async () => {
  const demo = await server.call<{ recipes: readonly { id: string; source: { target: { schema: object } } & Record<string, unknown> }[] }>(`${OWN}/demo`);
  const source = demo.recipes.find(({ id }) => id === 's3')?.source;
  const { tenant } = await server.call<{ tenant: string }>(`${OWN}/session`);
  const space = `_${tenant.replace(/^_/, '')}`;
  put('visits/a.csv', 'id,visits\n1,10\n2,20\n');
  const draft = await server.call<{ id: string }>(`${OWN}/drafts`, { method: 'POST', body: { kind: 'flow', name: 'visits', step: 'review', state: {
    ...source,
    data: { params: { path: '/visits', type: 'folder' }, format: 'delimited', properties: {} },
    target: { datasetName: 'Visits', schema: { ...source?.target.schema, title: 'Visits', fields: [{ path: `${space}.id`, type: 'integer' }, { path: `${space}.visits`, type: 'integer' }] } },
    mapping: ['id', 'visits'].map((name) => ({ sourceType: 'ATTRIBUTE', source: name, destination: `${space}.${name}` })),
    details: { name: 'visits' },
  } } });
  await visit(server, {}, async (page) => {
    const runNow = async (path: string): Promise<void> => {
      await page.goto(`${server.url}${path}`);
      await page.getByRole('button', { name: 'Run now' }).click();
      await page.getByRole('alertdialog').getByRole('button').last().click();
      await page.getByText('The run waits for a worker.').waitFor();
    };
    const ended = async (flow: string, number: number): Promise<void> => {
      await expect.poll(async () => (await server.call<{ items: readonly { number: number; status: string }[] }>(`${OWN}/runs?flow=${flow}&limit=1`)).items[0], { timeout: 60_000 })
        .toMatchObject({ number, status: 'success' });
    };
    await page.goto(`${server.url}/ui/prod/flows/new?draft=${draft.id}&step=review`);
    await page.getByRole('button', { name: 'Create and run now' }).click();
    await page.waitForURL(/\/runs\//);
    await page.getByText('Succeeded', { exact: true }).first().waitFor({ timeout: 60_000 });
    const flow = await flowOf(page);
    const path = `/ui/prod/flows/${flow}`;

    // It arrives: nothing of it is stored yet, and the overview leads to where somebody decides.
    put('visits/b.csv', 'id,visits,city\n3,30,Ulm\n');
    await runNow(path);
    await ended(flow, 2);
    await page.goto(`${server.url}/ui/prod`);
    const need = page.getByRole('region', { name: 'Needs action' }).getByRole('listitem').filter({ hasText: 'visits' });
    await need.getByRole('link', { name: /^Review change/ }).click();
    await page.getByRole('tab', { name: 'Schema', selected: true }).waitFor();
    await page.getByRole('heading', { name: '1 new column waits for a decision' }).waitFor();
    await page.getByRole('row', { name: /^city string Ulm/ }).waitFor();
    await page.getByRole('button', { name: 'Approve city' }).click();
    await page.getByText('No change waits for a decision.').waitFor();
    await page.getByRole('row', { name: `city string ${space}.city` }).waitFor();
    await page.getByRole('row', { name: new RegExp(`^${space}\\.city string`) }).waitFor();
    await page.getByRole('row', { name: /^approved city/ }).waitFor();

    // The next file's values are in the table; the rows that were there have none.
    put('visits/c.csv', 'id,visits,city\n4,40,Bonn\n');
    await runNow(path);
    await ended(flow, 3);
    const expected = join(server.dir, 'visits.jsonl');
    writeFileSync(expected, [[1, 10], [2, 20], [3, 30], [4, 40, 'Bonn']].map(([id, visits, city]) => JSON.stringify({ [space]: { id, visits, ...(city !== undefined && { city }) } })).join('\n'));
    expect(oracle('compare', await tableOf(flow), expected, '--key', `${space}.id`)).toContain('4 rows, as expected');
    await page.goto(`${server.url}/ui/prod`);
    await page.getByText('Recent runs').first().waitFor();
    expect(await need.count()).toBe(0);

    // What to do with the next one is a choice that stays.
    await page.goto(`${server.url}${path}?tab=schema`);
    const choice = page.getByRole('radiogroup', { name: 'When the source has new columns' });
    await choice.getByText('Go on without them and do not ask').click();
    await page.getByText('Saved.').first().waitFor();
    await page.reload();
    await choice.getByRole('radio', { name: 'Go on without them and do not ask', checked: true }).waitFor();
    put('visits/d.csv', 'id,visits,city,street\n5,50,Kiel,Main street\n');
    await runNow(path);
    await ended(flow, 4);
    expect(await server.call(`${OWN}/flows/${flow}/schema`)).toMatchObject({ policy: 'ignore', pending: [] });
  });
});

/** What the simulated account accepts: the same seed gives the same account. */
async function credentials(): Promise<{ readonly clientSecret: string; readonly refreshToken: string }> {
  const child = spawn(program, ['playground', '--s3', '127.0.0.1:0', '--hubspot', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    return await new Promise((done) => {
      createInterface(child.stdout).on('line', (line) => { done((JSON.parse(line) as { hubspot: { clientSecret: string; refreshToken: string } }).hubspot); });
    });
  } finally {
    child.kill();
  }
}

test('B19: failed rows and YAML as files: what the API has, and no cell that a spreadsheet would run', async () => {
  const header = 'order_id,ordered_at,customer_id,customer_email,country,sku,product,quantity,unit_price,discount,amount,currency,status,shipped_at';
  put('orders/2026/11/part-0021.csv.gz', gzipSync(`${header}\n1,2026-11-08T19:24:07Z,1,a@example.com,DE,x,x,3,1,0,=1+1,EUR,paid,\n`));
  await visit(server, {}, async (page) => {
    const run = await bringIn(page, server, 'Orders from S3');
    await page.goto(`${server.url}/ui/prod/runs/${run}?tab=rows`);
    const saved = async (name: string): Promise<string> => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
      return kept(download);
    };
    const api = async (format: string): Promise<string> => (await server.send(`${OWN}/runs/${run}/errors?format=${format}`)).text();
    const csv = await saved('Download CSV');
    expect(csv).toBe(await api('csv'));
    expect(csv).toContain('part-0007.csv.gz');
    expect(csv).toContain("'=1+1");
    for (const cell of csv.split(/[,\n]/)) expect(cell).not.toMatch(/^"?[=+@\t\r]/);
    const lines = (await saved('Download JSONL')).trim().split('\n').map((line) => JSON.parse(line) as { line: number });
    expect(lines.map(({ line }) => line).sort()).toEqual([1235, 2, 4322]);
    const flow = await flowOf(page);
    await page.goto(`${server.url}/ui/prod/flows/${flow}?tab=yaml`);
    const [yaml] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /Download/ }).or(page.getByRole('button', { name: /Download/ })).first().click()]);
    const text = await kept(yaml);
    expect(text.trim()).toBe((await (await server.send(`${OWN}/manifest?flow=${flow}`)).text()).trim());
    expect(text).not.toContain(S3.secret);
  });
});
