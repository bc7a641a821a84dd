import { Button, Picker, PickerItem, SearchField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { asApiError } from '../../api/errors';
import { list } from '../../api/lists';
import { useUrl } from '../../app/go';
import { to } from '../../app/links';
import { useTyped } from '../../app/typed';
import { CopyAs } from '../../components/CopyAs';
import { Page } from '../../components/Page';
import { Empty, Query } from '../../components/States';
import { t } from '../../messages/catalogue';
import { type Source, sourcesOf } from '../../sources/specs';
import { Cards } from './Cards';

const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });
const intro = style({ font: 'body', margin: 0 });
const number = style({ font: 'ui-sm', color: 'neutral-subdued', marginStart: 'auto' });
const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 24, minWidth: 0 });

/** Every source there is, by category; what it can do, and what can be done with it. */
export default function CataloguePage() {
  const specs = useInfiniteQuery(list('connectionSpecs'));
  const accounts = useInfiniteQuery(list('connections'));
  const numbers = useMemo(() => {
    const of = new Map<string, number>();
    for (const { connectionSpec } of accounts.data ?? []) {
      const id = connectionSpec?.id;
      if (id !== undefined && id !== null) of.set(id, (of.get(id) ?? 0) + 1);
    }
    return of;
  }, [accounts.data]);
  return (
    <Page title={t('title')}
      actions={<CopyAs call={{ method: 'GET', path: '/data/foundation/flowservice/connectionSpecs', query: { limit: 100 }, cli: 'forebay specs list' }} />}>
      <p className={intro}>{t('intro')}</p>
      <Query
        query={specs}
        lines={9}
        partial={() => (accounts.error === null ? undefined : t('partialAccounts', { reason: asApiError(accounts.error).message }))}
      >
        {(all) => <Catalogue sources={sourcesOf(all)} numbers={accounts.data === undefined ? undefined : numbers} />}
      </Query>
    </Page>
  );
}

function Catalogue({ sources, numbers }: { readonly sources: readonly Source[]; readonly numbers: ReadonlyMap<string, number> | undefined }) {
  const [url, setUrl] = useUrl();
  const [query, setQuery] = useTyped(String(url.q ?? ''), (text) => setUrl({ q: text === '' ? undefined : text }));
  const { category, ready, auth } = url as { category?: string; ready?: string; auth?: string };
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = sources.filter((one) => {
    const text = `${one.title} ${one.name} ${one.description} ${one.category}`.toLowerCase();
    return (
      words.every((word) => text.includes(word)) &&
      (category === undefined || one.category === category) &&
      (ready === undefined || one.isRunnable === (ready === 'yes')) &&
      (auth === undefined || one.auth.some((way) => kindOfAuth(way.name) === auth))
    );
  });
  const categories = [...new Set(sources.map((one) => one.category))];
  const ways = [...new Set(sources.flatMap((one) => one.auth.map((way) => kindOfAuth(way.name))))].sort();
  const pick = (name: string, label: string, options: readonly (readonly [id: string, text: string])[], value: string | undefined) => (
    <Picker label={label} value={value ?? 'all'} styles={style({ width: 192 })} onChange={(one) => setUrl({ [name]: one === 'all' ? undefined : String(one) })}>
      {[['all', t('all')] as const, ...options].map(([id, text]) => <PickerItem key={id} id={id}>{text}</PickerItem>)}
    </Picker>
  );
  return (
    <div className={stack}>
      <div className={bar}>
        <SearchField label={t('search')} value={query} onChange={setQuery} styles={style({ width: 240 })} />
        {pick('category', t('category'), categories.map((one) => [one, one] as const), category)}
        {pick('ready', t('readiness'), [['yes', t('ready')], ['no', t('notReady')]], ready)}
        {pick('auth', t('auth'), ways.map((one) => [one, one] as const), auth)}
        <span role="status" className={number}>{t('found', { count: shown.length })}</span>
      </div>
      {shown.length === 0 ? (
        <Empty title={t('nothing')} text={t('nothingHelp')}
          action={<Button variant="secondary" onPress={() => setUrl({ q: undefined, category: undefined, ready: undefined, auth: undefined })}>{t('clear')}</Button>} />
      ) : (
        <Cards sources={shown} numbers={numbers} href={(one) => hrefOf(one, numbers)} />
      )}
    </div>
  );
}

/** Where a card leads: to the account step of a new dataflow, or to storing an account. */
function hrefOf({ id, isRunnable }: Source, numbers: ReadonlyMap<string, number> | undefined): string {
  return isRunnable
    ? to.newFlow({ spec: id, step: 'account' })
    : to.accounts({ new: id, ...((numbers?.get(id) ?? 0) > 0 && { spec: id }) });
}

/** `Basic Authentication for Snowflake` is `Basic Authentication`. */
function kindOfAuth(name: string): string {
  return name.replace(/ for .*$/, '');
}
