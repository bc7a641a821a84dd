import { call } from '../api/client';
import { t } from '../messages/frame';
import { to } from './links';

export interface Target {
  readonly id: string;
  readonly title: string;
  /** What it is, in words. */
  readonly kind: string;
  readonly href: string;
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
  return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

const matches = (query: string) => (text: string) => text.toLowerCase().includes(query.toLowerCase());

provideJump((query) => {
  const pages: readonly (readonly [string, string])[] = [
    [t('home'), to.home()], [t('catalogue'), to.sources()], [t('accounts'), to.accounts()], [t('flows'), to.flows()],
    [t('newFlow'), to.newFlow()], [t('monitoring'), to.monitoring()], [t('datasets'), to.datasets()], [t('alerts'), to.alerts()],
    [t('admin'), to.admin('sandboxes')], [t('start'), to.start()],
  ];
  const fits = matches(query);
  return Promise.resolve(
    pages.filter(([title]) => fits(title)).map(([title, href]) => ({ id: href, title, kind: t('jumpPages'), href })),
  );
});

interface Found {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly detail?: string;
}

/** Where a kind of the server's search is shown; kinds that have no page are not offered. */
const places: Readonly<Record<string, readonly [word: () => string, href: (found: Found) => string]>> = {
  flow: [() => t('flow'), ({ id }) => to.flow(id)],
  connection: [() => t('account'), ({ id }) => to.account(id)],
  dataset: [() => t('dataset'), ({ id }) => to.dataset(id)],
  run: [() => t('run'), ({ id }) => to.run(id)],
  request: [() => t('request'), ({ id }) => to.admin('audit', { q: id })],
};

provideJump(async (query, signal) => {
  if (query.length < 2) return [];
  const { items } = await call<{ items: readonly Found[] }>('/data/foundation/forebay/find', { query: { q: query, limit: 20 }, signal });
  return items.flatMap((found) => {
    const place = places[found.kind];
    if (place === undefined) return [];
    const kind = found.detail === undefined ? place[0]() : `${place[0]()} · ${found.detail}`;
    return [{ id: `${found.kind}/${found.id}`, title: found.name || found.id, kind, href: place[1](found) }];
  });
});
