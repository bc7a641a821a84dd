import { ActionButton, Button, Link, LinkButton, Menu, MenuItem, MenuTrigger, Text } from '@react-spectrum/s2';
import Edit from '@react-spectrum/s2/icons/Edit';
import More from '@react-spectrum/s2/icons/More';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { lazy, Suspense, useMemo, useState } from 'react';
import { call } from '../../api/client';
import { caller } from '../../api/context';
import { type Connection, list } from '../../api/lists';
import { useLive } from '../../api/live';
import { get, items } from '../../api/query';
import { useGo, useUrl } from '../../app/go';
import { to } from '../../app/links';
import { useConfirm } from '../../components/Confirm';
import { By } from '../../components/By';
import { CopyAs } from '../../components/CopyAs';
import { quoted } from '../../components/copy';
import { Page } from '../../components/Page';
import { Query, Skeleton } from '../../components/States';
import { Status } from '../../components/Status';
import { toast } from '../../components/toast';
import { Time } from '../../components/Values';
import { Verbatim, verbatim } from '../../components/Verbatim';
import { t } from '../../messages/account';
import { type Source, sourcesOf } from '../../sources/specs';
import { Tests } from '../../sources/Tests';
import { type User, users } from '../../sources/users';
import { Rename } from './Rename';

const Explorer = lazy(() => import('../../sources/Explorer').then((m) => ({ default: m.Explorer })));
const Replace = lazy(() => import('./Replace').then((m) => ({ default: m.Replace })));
const PATH = '/data/foundation/flowservice/connections';
const facts = style({ display: 'grid', gridTemplateColumns: ['max-content', 'minmax(0,1fr)'], columnGap: 24, rowGap: 8, font: 'ui', margin: 0 });
const term = style({ fontWeight: 'bold' });
const value = style({ margin: 0, overflowWrap: 'anywhere' });
const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 24 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12 });
const h2 = style({ font: 'heading-sm', margin: 0 });
const plain = style({ margin: 0, padding: 0, listStyleType: 'none', display: 'flex', flexDirection: 'column', rowGap: 8, font: 'ui' });
const row = style({ display: 'flex', columnGap: 12, flexWrap: 'wrap' });

/** One account: what it is, whether it works, who uses it, what it holds. */
export default function AccountPage() {
  const { id } = useParams({ from: '/$sandbox/accounts/$id' });
  useLive(['connection', 'flow']);
  const query = useQuery(get('/data/foundation/flowservice/connections/{id}', { params: { path: { id } } } as never));
  const specs = useInfiniteQuery(list('connectionSpecs'));
  const [connection] = items(query.data as { items: Connection[] } | undefined);
  const source = sourcesOf(specs.data ?? []).find((one) => one.id === connection?.connectionSpec?.id);
  const above = [{ title: t('accounts'), href: to.accounts() }];
  return connection === undefined
    ? <Page title={t('title')} breadcrumbs={above}><Query query={query}>{() => null}</Query></Page>
    : <Account connection={connection} source={source} stale={query} above={above} />;
}

interface Props {
  readonly connection: Connection;
  readonly source: Source | undefined;
  readonly stale: Parameters<typeof Query>[0]['query'];
  readonly above: readonly { readonly title: string; readonly href: string }[];
}

function Account({ connection, source, stale, above }: Props) {
  const { id, name = id, state, etag } = connection as Connection & { readonly id: string; readonly name?: string; readonly etag?: string };
  const client = useQueryClient();
  const go = useGo();
  const [dialog, ask] = useConfirm();
  const [isRenaming, setRenaming] = useState(false);
  const flows = useInfiniteQuery(list('flows'));
  const use = useMemo(() => users(flows.data ?? []).get(id) ?? [], [flows.data, id]);

  const reread = () =>
    client.invalidateQueries({ predicate: ({ queryKey: [sandbox, path] }) => sandbox === caller.get().sandbox && /\/connections(\/\{id\})?$/.test(String(path)) });
  async function change(operations: readonly object[]): Promise<void> {
    try {
      await call(`${PATH}/${id}`, { method: 'PATCH', body: operations, headers: { 'if-match': etag ?? '' } });
    } finally {
      // After a refusal too: what the next try must know of is read.
      await reread();
    }
  }
  async function setState(next: 'enabled' | 'disabled'): Promise<void> {
    await change([{ op: 'replace', path: '/state', value: next }]);
    toast.done(next === 'enabled' ? t('enabled') : t('disabled'));
  }
  function act(what: string): void {
    if (what === 'rename') setRenaming(true);
    else if (what === 'enable') setState('enabled').catch(toast.failed);
    else if (what === 'disable') {
      ask({ title: t('disableTitle', { name }), consequence: <>{t('disableConsequence')} <Uses of={use} /></>, action: t('disable'), onConfirm: () => setState('disabled') });
    } else {
      ask({
        title: t('deleteTitle', { name }), action: t('delete').replace('…', ''), isDestructive: true,
        consequence: <>{t('deleteConsequence')} <Uses of={use} /></>,
        onConfirm: async () => {
          await call(`${PATH}/${id}`, { method: 'DELETE', headers: { 'if-match': etag ?? '' } });
          toast.done(t('deleted'));
          go(to.accounts());
          void reread();
        },
      });
    }
  }
  const isOff = state === 'disabled';
  return (
    <Page
      title={name} breadcrumbs={above} status={<Status state={state ?? ''} />}
      actions={
        <>
          <CopyAs call={{
            method: 'GET', path: `${PATH}/${id}`, cli: `forebay connections get ${quoted(id)}`,
            yaml: () => call<unknown>('/data/foundation/forebay/manifest', { query: { connection: id }, headers: { accept: 'application/json' } }).then((all) => JSON.stringify(all, null, 2)),
          }} />
          <MenuTrigger>
            <ActionButton aria-label={t('more')}><More /></ActionButton>
            <Menu onAction={(what) => act(String(what))}>
              <MenuItem id={isOff ? 'enable' : 'disable'}>{isOff ? t('enable') : t('disable')}</MenuItem>
              <MenuItem id="delete">{t('delete')}</MenuItem>
            </Menu>
          </MenuTrigger>
          <ActionButton onPress={() => act('rename')}><Edit /><Text>{t('edit')}</Text></ActionButton>
          {source?.isRunnable === true && !isOff && (
            <LinkButton variant="accent" href={to.newFlow({ spec: source.id, account: id, step: 'data' })}>{t('addData')}</LinkButton>
          )}
          {isOff && <Button variant="accent" onPress={() => act('enable')}>{t('enable')}</Button>}
        </>
      }
      tabs={[
        { id: 'overview', title: t('overview'), content: <Overview connection={connection} source={source} use={use} flows={flows} /> },
        ...(source?.isRunnable === true ? [{ id: 'explore', title: t('explore'), content: <Suspense fallback={<Skeleton />}><Explore id={id} source={source} /></Suspense> }] : []),
        { id: 'credentials', title: t('credentials'), content: <Suspense fallback={<Skeleton />}><Replace connection={connection} source={source} onChange={change} /></Suspense> },
      ]}
    >
      {dialog}
      {isRenaming && <Rename name={name} description={String((connection as { description?: unknown }).description ?? '')} onChange={change} onClose={() => setRenaming(false)} />}
      {stale.error !== null && <Query query={stale}>{() => null}</Query>}
    </Page>
  );
}

function Uses({ of }: { readonly of: readonly User[] }) {
  return of.length === 0 ? null : <strong>{t('deleteUsed', { count: of.length, names: of.map((one) => one.name).join(', ') })}</strong>;
}

function Overview({ connection, source, use, flows }: {
  readonly connection: Connection; readonly source: Source | undefined; readonly use: readonly User[]; readonly flows: Parameters<typeof Query>[0]['query'];
}) {
  const { description, auth, createdAt, updatedAt, createdBy, updatedBy, connectionSpec } = connection as Connection & {
    readonly description?: string; readonly auth?: { readonly specName?: string };
    readonly createdBy?: string; readonly updatedBy?: string; readonly createdAt?: number; readonly updatedAt?: number;
  };
  const fact = (name: string, content: React.ReactNode) => <><dt className={term}>{name}</dt><dd className={value}>{verbatim(content)}</dd></>;
  return (
    <div className={stack}>
      <section className={section} aria-label={t('facts')}>
        <dl className={facts}>
          {fact(t('source'), source?.title ?? connectionSpec?.id)}
          {auth?.specName !== undefined && fact(t('signIn'), auth.specName)}
          {description !== undefined && description !== '' && fact(t('description'), description)}
          {fact(t('created'), <><Time at={createdAt} /> {createdBy !== undefined && <>{t('by')} <By account={createdBy} /></>}</>)}
          {fact(t('changed'), <><Time at={updatedAt} /> {updatedBy !== undefined && <>{t('by')} <By account={updatedBy} /></>}</>)}
        </dl>
      </section>
      {source?.isRunnable === true && (
        <section className={section} aria-labelledby="account-test">
          <h2 id="account-test" className={h2}>{t('test')}</h2>
          <Tests id={connection.id} />
        </section>
      )}
      <section className={section} aria-labelledby="account-flows">
        <h2 id="account-flows" className={h2}>{t('usedBy')}</h2>
        <Query query={flows} lines={2}>
          {() => use.length === 0 ? <span className={plain}>{t('unused')}</span> : (
            <ul className={plain}>
              {use.map((one) => <li key={one.id} className={row}><Link href={to.flow(one.id)}><Verbatim>{one.name}</Verbatim></Link><Status state={one.state} /></li>)}
            </ul>
          )}
        </Query>
      </section>
    </div>
  );
}

function Explore({ id, source }: { readonly id: string; readonly source: Source }) {
  const [{ file }, setUrl] = useUrl();
  const chosen = typeof file === 'string' ? file : undefined;
  return (
    <Explorer
      connection={id} isTables={source.kind === 'table'} chosen={chosen}
      previewed={chosen?.endsWith('/') === true ? undefined : chosen}
      onChoose={(entry) => setUrl({ file: entry.path })}
    />
  );
}
