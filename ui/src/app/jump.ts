import { call } from '../api/client';
import { list } from '../api/lists';
import { keyOf, queryClient } from '../api/query';
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

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const LIMIT = 20;

interface Named {
  readonly id?: string;
  readonly name?: string | null;
}

/** Flow Service's objects by name, and by an id that was pasted. */
function named(kind: 'flows' | 'connections', word: string, href: (id: string) => string): Provider {
  return async (query) => {
    if (query.length < 2) return [];
    const { pages } = await queryClient.fetchInfiniteQuery({ ...list(kind), staleTime: 30_000 });
    const fits = matches(query);
    return (pages.flatMap((page) => page.items) as readonly Named[])
      .filter((one) => one.id === query || fits(one.name ?? ''))
      .slice(0, LIMIT)
      .map((one) => ({ id: one.id ?? '', title: one.name ?? one.id ?? '', kind: word, href: href(one.id ?? '') }));
  };
}

provideJump(named('flows', t('flows'), to.flow));
provideJump(named('connections', t('accounts'), to.account));

provideJump(async (query, signal) => {
  if (!UUID.test(query.trim())) return [];
  const id = query.trim();
  await call(`/data/foundation/flowservice/runs/${id}`, { signal });
  return [{ id, title: id, kind: t('run'), href: to.run(id) }];
});

provideJump(async (query) => {
  if (query.length < 2) return [];
  const path = '/data/foundation/catalog/dataSets';
  const sets = await queryClient.fetchQuery({
    queryKey: keyOf(path, 'names'),
    queryFn: ({ signal }) => call<Record<string, Named>>(path, { query: { limit: 100, properties: 'name' }, signal }),
    staleTime: 30_000,
  });
  const fits = matches(query);
  return Object.entries(sets)
    .filter(([id, one]) => id === query || fits(one.name ?? ''))
    .slice(0, LIMIT)
    .map(([id, one]) => ({ id, title: one.name ?? id, kind: t('datasets'), href: to.dataset(id) }));
});
