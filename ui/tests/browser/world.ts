import type { Page } from 'playwright-core';
import { FLOWSERVICE, OWN, type Server, guarded } from './harness';

interface FlowRow {
  readonly id: string;
  readonly name: string;
  readonly target: { readonly dataset: { readonly id: string } };
  readonly last: readonly { readonly id: string; readonly status: string }[];
}

/** Brings a recipe of the demo in by the page of first steps, until its run has ended. Answers the run's id. */
export async function bringIn(page: Page, server: Server, recipe: 'Orders from S3' | 'Contacts from HubSpot'): Promise<string> {
  await page.goto(`${server.url}/ui/prod/start`);
  await page.getByRole('button', { name: new RegExp(`^Bring in( once more)?: ${recipe}`) }).click();
  await page.getByRole('button', { name: 'Create and run now' }).click();
  await page.waitForURL(/\/runs\//);
  await page.getByText(/^(Succeeded|Succeeded, rows failed|Failed)$/).first().waitFor({ timeout: 60_000 });
  return new URL(page.url()).pathname.split('/').at(-1) ?? '';
}

/** What there is to look at after both recipes have been brought in. */
export interface World {
  readonly flow: string;
  readonly hubspot: string;
  readonly run: string;
  readonly dataset: string;
  readonly account: string;
  readonly draft: string;
  /** Every view, by a short name, as a path below `/ui/prod`. */
  readonly views: Readonly<Record<string, string>>;
}

export async function world(server: Server): Promise<World> {
  const { page, context, complaints } = await guarded(server);
  const run = await bringIn(page, server, 'Orders from S3');
  await bringIn(page, server, 'Contacts from HubSpot');
  // A draft that stays: the wizard of a recipe, left at its review.
  await page.goto(`${server.url}/ui/prod/start`);
  await page.getByRole('button', { name: 'Bring in once more: Orders from S3' }).click();
  await page.getByRole('button', { name: 'Create and run now' }).waitFor();
  const draft = new URL(page.url()).searchParams.get('draft') ?? '';
  await context.close();
  if (complaints.length > 0) throw new Error(complaints.join('\n'));

  const { items } = await server.call<{ items: readonly FlowRow[] }>(`${OWN}/flows`);
  const flow = items.find(({ name }) => name === 'demo-s3');
  const hubspot = items.find(({ name }) => name === 'demo-hubspot');
  const accounts = await server.call<{ items: readonly { readonly id: string; readonly name: string }[] }>(`${FLOWSERVICE}/connections`);
  const account = accounts.items.find(({ name }) => name === 'Demo S3');
  if (flow === undefined || hubspot === undefined || account === undefined) throw new Error('the recipes made something else');
  await server.call(`${OWN}/webhooks`, { method: 'POST', body: { name: 'Pager', url: 'https://hooks.example.com/forebay', events: ['failure'] } }).catch(() => undefined);

  const tabs = (path: string, names: readonly string[]) => names.map((name) => [`${path.split('/')[1] ?? ''} ${name}`, `${path}?tab=${name}`] as const);
  return {
    flow: flow.id, hubspot: hubspot.id, run, dataset: flow.target.dataset.id, account: account.id, draft,
    views: Object.fromEntries([
      ['home', ''], ['start', '/start'], ['sources', '/sources'], ['accounts', '/accounts'], ['new account', '/accounts?new=amazon-s3'],
      ['flows', '/flows'], ['datasets', '/datasets'], ['monitoring', '/monitoring'], ['monitoring codes', '/monitoring?view=codes'],
      ['alerts', '/alerts'], ['missing', '/nowhere/at/all'],
      ...tabs(`/accounts/${account.id}`, ['overview', 'explore', 'credentials']),
      ...tabs(`/flows/${flow.id}`, ['overview', 'runs', 'timeline', 'schema', 'mapping', 'settings', 'yaml']),
      ...tabs(`/runs/${run}`, ['files', 'rows', 'log', 'config', 'metrics']),
      ...tabs(`/datasets/${flow.target.dataset.id}`, ['preview', 'history', 'schema', 'labels', 'flows', 'open', 'settings']),
      ...['source', 'account', 'data', 'mapping', 'schedule', 'details', 'review'].map((step) => [`wizard ${step}`, `/flows/new?draft=${draft}&step=${step}`] as const),
      ...['sandboxes', 'users', 'keys', 'audit', 'health', 'diagnostics'].map((section) => [`admin ${section}`, `/admin/${section}`] as const),
    ]),
  };
}
