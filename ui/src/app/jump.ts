import { call } from '../api/client';
import { caller } from '../api/context';
import { type FlowRow, type Flows, type Found, type Items, OWN, own } from '../api/own';
import { queryClient } from '../api/query';
import { t } from '../messages/frame';
import { to } from './links';
import { recents } from './recent';

export interface Target {
  readonly id: string;
  readonly title: string;
  /** What it is, in words. */
  readonly kind: string;
  readonly href: string;
  /** What is done in place of going there. */
  readonly action?: { readonly flow: FlowRow; readonly action: 'run' | 'enable' | 'disable' | 'log' };
}

/** Finds things that a query may mean. Called once when the bar opens (with '') and on each change. */
export type Provider = (query: string, signal: AbortSignal) => Promise<readonly Target[]>;

const providers = new Set<Provider>();

/** Adds a source of things to jump to; returns how to take it away. */
export function provideJump(provider: Provider): () => void {
  providers.add(provider);
  return () => providers.delete(provider);
}

export async function find(query: string, signal: AbortSignal): Promise<readonly Target[]> {
  const found = await Promise.allSettled([...providers].map((provider) => provider(query, signal)));
  const all = found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  // What was opened lately is often found by its name too.
  return all.filter(({ href, action }, i) => action !== undefined || all.findIndex((one) => one.href === href && one.action === undefined) === i);
}

const matches = (query: string) => (text: string) => text.toLowerCase().includes(query.toLowerCase());

provideJump((query) => {
  const fits = matches(query);
  const here = `/${encodeURIComponent(caller.get().sandbox ?? '')}/`;
  return Promise.resolve(
    recents()
      .filter(({ title, href }) => href.startsWith(here) && fits(title))
      .slice(0, 5)
      .map(({ title, href }) => ({ id: `recent${href}`, title, kind: t('jumpRecent'), href })),
  );
});

provideJump((query) => {
  const pages: readonly (readonly [string, string])[] = [
    [t('home'), to.home()], [t('catalogue'), to.sources()], [t('accounts'), to.accounts()], [t('flows'), to.flows()],
    [t('newFlow'), to.newFlow()], [t('monitoring'), to.monitoring()], [t('datasets'), to.datasets()], [t('alerts'), to.alerts()],
    [t('adminSandboxes'), to.admin('sandboxes')], [t('adminUsers'), to.admin('users')], [t('adminAudit'), to.admin('audit')],
    [t('adminHealth'), to.admin('health')], [t('start'), to.start()],
  ];
  const fits = matches(query);
  return Promise.resolve(
    pages.filter(([title]) => fits(title)).map(([title, href]) => ({ id: href, title, kind: t('jumpPages'), href })),
  );
});

/** Where a kind of the server's search is shown; others are not offered. */
const places: Readonly<Record<string, readonly [word: () => string, href: (found: Found) => string]>> = {
  flow: [() => t('flow'), ({ id }) => to.flow(id)],
  connection: [() => t('account'), ({ id }) => to.account(id)],
  dataset: [() => t('dataset'), ({ id }) => to.dataset(id)],
  run: [() => t('run'), ({ id }) => to.run(id)],
  request: [() => t('request'), ({ id }) => to.admin('audit', { request: id })],
  // These have no page of their own: what became of them is in the audit trail.
  sourceConnection: [() => t('sourceConnection'), ({ id }) => to.admin('audit', { asset: id })],
  targetConnection: [() => t('targetConnection'), ({ id }) => to.admin('audit', { asset: id })],
  mappingSet: [() => t('mappingSet'), ({ id }) => to.admin('audit', { asset: id })],
  schema: [() => t('schema'), ({ id }) => to.admin('audit', { asset: id })],
  batch: [() => t('batch'), ({ id }) => to.admin('audit', { asset: id })],
  sandbox: [() => t('sandbox'), () => to.admin('sandboxes')],
};

provideJump(async (query, signal) => {
  if (query.length < 2) return [];
  const { items } = await call<Items<Found>>(`${OWN}/find`, { query: { q: query, limit: 20 }, signal });
  return items.flatMap((found) => {
    const place = places[found.kind];
    if (place === undefined) return [];
    const kind = found.detail === undefined ? place[0]() : `${place[0]()} · ${found.detail}`;
    return [{ id: `${found.kind}/${found.id}`, title: found.name || found.id, kind, href: place[1](found) }];
  });
});

const VERBS = ['run', 'enable', 'disable', 'log'] as const;

/** `run s3-orders`: what can be done with the dataflows of that name. */
provideJump(async (query, signal) => {
  const [, word = '', name = ''] = /^(\S+)\s*(.*)$/.exec(query) ?? [];
  const action = VERBS.find((one) => word.length >= 2 && one.startsWith(word.toLowerCase()));
  if (action === undefined) return [];
  const { items } = await queryClient.ensureQueryData(own<Flows>('/flows', { limit: 1000 }));
  if (signal.aborted) return [];
  const fits = matches(name);
  const can = ({ state }: FlowRow) => (action === 'log' ? state !== 'draft' : state === (action === 'enable' ? 'disabled' : 'enabled'));
  const title = {
    run: (flow: string) => t('doRun', { name: flow }), enable: (flow: string) => t('doEnable', { name: flow }),
    disable: (flow: string) => t('doDisable', { name: flow }), log: (flow: string) => t('doLog', { name: flow }),
  }[action];
  return items
    .filter((flow) => fits(flow.name) && can(flow))
    .slice(0, 10)
    .map((flow) => ({ id: `${action}/${flow.id}`, title: title(flow.name), kind: t('jumpAction'), href: to.flow(flow.id), action: { flow, action } }));
});
