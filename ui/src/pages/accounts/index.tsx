import { Content, Heading, InlineAlert, Link, LinkButton, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useMemo } from 'react';
import { asApiError } from '../../api/errors';
import { type Connection, list } from '../../api/lists';
import { keyOf } from '../../api/query';
import { useLive } from '../../api/live';
import { useGo, useUrl } from '../../app/go';
import { to } from '../../app/links';
import { CopyAs } from '../../components/CopyAs';
import { type ColumnOf, List } from '../../components/List';
import { Page } from '../../components/Page';
import { Empty, Query, Skeleton } from '../../components/States';
import { Status } from '../../components/Status';
import { Time } from '../../components/Values';
import { t } from '../../messages/accounts';
import { t as shared } from '../../messages/sources';
import { type Source, sourcesOf } from '../../sources/specs';
import type { Tested } from '../../sources/Tests';
import { users } from '../../sources/users';

const NewAccount = lazy(() => import('../../sources/NewAccount').then((m) => ({ default: m.NewAccount })));
const docs = '/docs/sources.html';

/** All accounts; with `?new=` the form of a new one. */
export default function AccountsPage() {
  const [url] = useUrl();
  return typeof url.new === 'string' ? <New id={url.new} /> : <Accounts />;
}

interface Account {
  readonly connection: Connection;
  readonly id: string;
  readonly name: string;
  readonly source: string;
  readonly flows: number | undefined;
  readonly tested: Tested | undefined;
}

function Accounts() {
  const [url, setUrl] = useUrl();
  const client = useQueryClient();
  useLive(['connection', 'flow']);
  const connections = useInfiniteQuery(list('connections'));
  const specs = useInfiniteQuery(list('connectionSpecs'));
  const flows = useInfiniteQuery(list('flows'));
  const titles = useMemo(() => new Map(sourcesOf(specs.data ?? []).map((one) => [one.id, one.title])), [specs.data]);
  const use = useMemo(() => (flows.data === undefined ? undefined : users(flows.data)), [flows.data]);
  const rows = (connections.data ?? []).map((connection): Account => {
    const id = connection.id;
    const spec = connection.connectionSpec?.id ?? '';
    return {
      connection, id, name: connection.name ?? id, source: titles.get(spec) ?? spec,
      flows: use === undefined ? undefined : (use.get(id)?.length ?? 0),
      tested: client.getQueryData<Tested>(keyOf(`/data/foundation/flowservice/connections/${id}/test`)),
    };
  });
  const chosen = typeof url.spec === 'string' ? url.spec : undefined;
  const shown = chosen === undefined ? rows : rows.filter((one) => one.connection.connectionSpec?.id === chosen);
  const present = [...new Set(rows.map((one) => one.connection.connectionSpec?.id ?? ''))];
  const columns: readonly ColumnOf<Account>[] = [
    { id: 'name', title: t('name'), cell: (one) => one.name, value: (one) => one.name, minWidth: 160, width: '2fr' },
    { id: 'source', title: t('source'), cell: (one) => one.source, value: (one) => one.source, minWidth: 120, width: '1fr' },
    { id: 'state', title: t('state'), cell: (one) => <Status state={one.connection.state ?? ''} />, value: (one) => one.connection.state ?? '', minWidth: 110, width: '1fr' },
    {
      id: 'test', title: t('lastTest'), minWidth: 150, isLong: true, width: '1fr',
      cell: ({ tested }) => tested === undefined
        ? t('notTested')
        : <Status state={tested.result ? 'success' : 'failed'} />,
    },
    { id: 'flows', title: t('usedBy'), cell: (one) => (one.flows === undefined ? t('unknown') : t('flows', { count: one.flows })), value: (one) => one.flows, minWidth: 120, width: '1fr' },
    { id: 'changed', title: t('changed'), cell: (one) => <Time at={one.connection.updatedAt} isQuiet />, value: (one) => one.connection.updatedAt ?? undefined, minWidth: 120, width: '1fr' },
  ];
  return (
    <Page
      title={t('title')}
      actions={
        <>
          <CopyAs call={{ method: 'GET', path: '/data/foundation/flowservice/connections', cli: 'forebay connections list' }} />
          <LinkButton variant="accent" href={to.sources()}>{t('add')}</LinkButton>
        </>
      }
    >
      <Query
        query={connections}
        isEmpty={(all) => all.length === 0}
        empty={{
          title: t('empty'), text: t('emptyText'),
          action: <LinkButton variant="accent" href={to.sources()}>{t('browse')}</LinkButton>,
          link: <Link href={docs}>{t('docs')}</Link>,
        }}
        partial={() => {
          const failed = flows.error ?? specs.error;
          return failed === null ? undefined : t('partialFlows', { reason: asApiError(failed).message });
        }}
      >
        {() => (
          <List
            label={t('list')} items={shown} id={(one) => one.id} columns={columns}
            text={(one) => `${one.name} ${one.source}`} href={(one) => to.account(one.id)}
            controls={
              <Picker label={t('ofSource')} value={chosen ?? 'all'} onChange={(one) => setUrl({ spec: one === 'all' ? undefined : String(one) })}>
                {['all', ...present].map((id) => <PickerItem key={id} id={id}>{id === 'all' ? t('all') : (titles.get(id) ?? id)}</PickerItem>)}
              </Picker>
            }
          />
        )}
      </Query>
    </Page>
  );
}

function New({ id }: { readonly id: string }) {
  const specs = useInfiniteQuery(list('connectionSpecs'));
  const go = useGo();
  const source = specs.data === undefined ? undefined : sourcesOf(specs.data).find((one) => one.id === id);
  return (
    <Page title={t('newOf', { name: source?.title ?? '' })} breadcrumbs={[{ title: t('title'), href: to.accounts() }]}>
      <Query query={specs}>
        {() => source === undefined
          ? <Empty title={t('noSuchSource')} text={t('noSuchSourceHelp')} action={<LinkButton href={to.sources()}>{t('browse')}</LinkButton>} />
          : <Form source={source} onCreated={(made) => go(to.account(made))} />}
      </Query>
    </Page>
  );
}

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 16 });

function Form({ source, onCreated }: { readonly source: Source; readonly onCreated: (id: string) => void }) {
  return (
    <div className={stack}>
      {!source.isRunnable && (
        <InlineAlert variant="notice" styles={style({ maxWidth: 900 })}>
          <Heading>{shared('notRunnable')}</Heading>
          <Content>{source.reason} {shared('notRunnableStore')}</Content>
        </InlineAlert>
      )}
      <Suspense fallback={<Skeleton />}><NewAccount source={source} onCreated={onCreated} /></Suspense>
    </div>
  );
}
