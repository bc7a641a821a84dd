import { Button, Content, Heading, InlineAlert, Picker, PickerItem, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '../../api/client';
import { useNow } from '../../app/clock';
import { useUrl } from '../../app/go';
import { RANGES, type RangeName } from '../../app/range';
import { useSession } from '../../app/session';
import { CopyAs } from '../../components/CopyAs';
import { csv } from '../../components/csv';
import { count } from '../../components/format';
import { type ColumnOf, List } from '../../components/List';
import { Query } from '../../components/States';
import { Status } from '../../components/Status';
import { toast } from '../../components/toast';
import { Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { visible } from '../../components/visible';
import { download } from '../../flows/actions';
import { t } from '../../messages/admin';
import { address, type AuditEvent, instant, pageOf, trail, VERIFICATION, type Wanted } from './trail';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });
const text = style({ font: 'body', margin: 0, maxWidth: 900 });
const said = style({ font: 'ui-sm', color: 'neutral-subdued' });

const ACTIONS = ['Create', 'Update', 'Delete', 'SignIn', 'SignOut', 'CreateLink', 'Rotate', 'Reset'] as const;
const KINDS = [
  'Source Account', 'Source Connection', 'Target Connection', 'Source Data Flow', 'Source Data Flow Run', 'Dataset', 'Batch', 'Schema', 'Descriptor',
  'Mapping Set', 'Sandbox', 'API Client', 'Role', 'Policy',
] as const;
/** Entries that a file has at most: the trail gives no more of one question. */
const MOST = 10_000;

export default function Audit() {
  const [url, setUrl] = useUrl();
  const { sandboxes } = useSession();
  const now = Math.floor(useNow() / 60_000) * 60_000;
  const range = typeof url.range === 'string' && url.range in RANGES ? (url.range as RangeName) : undefined;
  const since = range === undefined ? undefined : now - RANGES[range];
  const { request, asset, user, action, status, type, inSandbox } = url;
  const wanted = useMemo(
    (): Wanted => ({
      ...given({ request, asset, user, action, status, type }), ...(typeof inSandbox === 'string' && { sandbox: inSandbox }), ...(since !== undefined && { since }),
    }),
    [request, asset, user, action, status, type, inSandbox, since],
  );
  const query = useInfiniteQuery(trail(wanted));
  const set = (name: string) => (key: string | number | null) => setUrl({ [name]: key === null || key === 'any' ? undefined : String(key) });
  const isFiltered = Object.keys(wanted).length > 0;
  return (
    <div className={column}>
      <p className={text}>{t('auditText')}</p>
      <Verify />
      <div className={bar}>
        <Typed label={t('filterUser')} name="user" />
        <Typed label={t('filterAsset')} name="asset" />
        <Typed label={t('filterRequest')} name="request" />
        <Choice label={t('did')} chosen={action} any={t('anyAction')} options={ACTIONS.map((one) => [one, one])} onChange={set('action')} />
        <Choice label={t('what')} chosen={type} any={t('anyKind')} options={KINDS.map((one) => [one, one])} onChange={set('type')} />
        <Choice
          label={t('outcome')} chosen={status} any={t('anyOutcome')} onChange={set('status')}
          options={[['Success', t('success')], ['Failure', t('failure')], ['Deny', t('deny')]]}
        />
        <Choice label={t('sandbox')} chosen={inSandbox} any={t('anyKind')} options={sandboxes.map(({ name }) => [name, name])} onChange={set('inSandbox')} />
        <Choice label={t('time')} chosen={range} any={t('anyTime')} options={[['24h', t('day')], ['7d', t('week')], ['30d', t('month')]]} onChange={set('range')} />
        <Button
          variant="secondary"
          isDisabled={!isFiltered}
          onPress={() => setUrl({ request: undefined, asset: undefined, user: undefined, action: undefined, status: undefined, type: undefined, inSandbox: undefined, range: undefined })}
        >
          {t('clear')}
        </Button>
        <Export wanted={wanted} />
        <CopyAs call={{ method: 'GET', path: address(wanted, 200) }} />
      </div>
      <Query query={query} lines={10} isEmpty={({ events }) => events.length === 0} empty={{ title: t('noEntries'), text: t('noEntriesText') }}>
        {({ events, total }) => (
          <>
            <span role="status" className={said}>{t('auditShown', { count: total })}</span>
            <List label={t('audit')} items={events} id={({ id }) => id} columns={columns} text={(one) => Object.values(one).join(' ')} />
            {query.hasNextPage && <span><Button variant="secondary" isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>{t('more')}</Button></span>}
          </>
        )}
      </Query>
    </div>
  );
}

function given(of: Readonly<Record<string, unknown>>): Wanted {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => typeof value === 'string' && value !== ''));
}

/** A filter that is typed: it is asked for when the typing ends, not at each letter. */
function Typed({ label, name }: { readonly label: string; readonly name: 'user' | 'asset' | 'request' }) {
  const [url, setUrl] = useUrl();
  const kept = typeof url[name] === 'string' ? url[name] : '';
  const [value, setValue] = useState(kept);
  const [seen, setSeen] = useState(kept);
  if (seen !== kept) {
    setSeen(kept);
    setValue(kept);
  }
  const take = () => {
    if (value.trim() !== kept) setUrl({ [name]: value.trim() || undefined });
  };
  return <TextField label={label} value={value} onChange={setValue} onBlur={take} onKeyDown={(event) => { if (event.key === 'Enter') take(); }} />;
}

interface ChoiceProps {
  readonly label: string;
  readonly chosen: unknown;
  readonly any: string;
  readonly options: readonly (readonly [id: string, word: string])[];
  readonly onChange: (key: string | number | null) => void;
}

function Choice({ label, chosen, any, options, onChange }: ChoiceProps) {
  return (
    <Picker label={label} value={typeof chosen === 'string' ? chosen : 'any'} onChange={onChange}>
      {[<PickerItem key="any" id="any">{any}</PickerItem>, ...options.map(([id, word]) => <PickerItem key={id} id={id}>{word}</PickerItem>)]}
    </Picker>
  );
}

function Verify() {
  const verify = useMutation({ mutationFn: () => call<{ whole: boolean; entries: number; firstBroken: number | null }>(VERIFICATION), onError: toast.failed });
  const result = verify.data;
  return (
    <div className={bar}>
      <Button variant="secondary" isPending={verify.isPending} onPress={() => verify.mutate()}>{t('verify')}</Button>
      <div role="status">
        {result !== undefined && (
          <InlineAlert variant={result.whole ? 'positive' : 'negative'}>
            <Heading>{result.whole ? t('whole', { count: result.entries }) : t('broken', { sequence: count(result.firstBroken ?? 0) })}</Heading>
            <Content>{result.whole ? '' : t('brokenDo')}</Content>
          </InlineAlert>
        )}
      </div>
    </div>
  );
}

function Export({ wanted }: { readonly wanted: Wanted }) {
  const save = useMutation({
    mutationFn: async () => {
      const events: AuditEvent[] = [];
      let next: string | undefined = address(wanted, 1000);
      while (next !== undefined && events.length < MOST) {
        const page: Awaited<ReturnType<typeof pageOf>> = await pageOf(next);
        events.push(...page.events);
        next = page.next;
      }
      const names = ['sequence', 'timestamp', 'userEmail', 'authId', 'action', 'assetType', 'assetId', 'assetName', 'sandboxName', 'status', 'failureCode', 'operation', 'requestId'] as const;
      download('audit.csv', csv([names, ...events.map((event) => names.map((name) => event[name]))]), 'text/csv');
      if (next !== undefined || events.length >= MOST) toast.info(t('exportCut', { count: count(MOST) }));
    },
    onError: toast.failed,
  });
  return <Button variant="secondary" isPending={save.isPending} onPress={() => save.mutate()}>{t('exportCsv')}</Button>;
}

const looks = { Success: 'success', Failure: 'failed' } as const;

const columns: readonly ColumnOf<AuditEvent>[] = [
  { id: 'when', title: t('when'), minWidth: 112, value: ({ sequence }) => sequence, cell: ({ timestamp }) => <Time at={instant(timestamp)} isQuiet /> },
  { id: 'did', title: t('did'), minWidth: 96, value: ({ action }) => action, cell: ({ action }) => action },
  { id: 'what', title: t('what'), minWidth: 144, value: ({ assetType }) => assetType, cell: ({ assetType }) => assetType || '–' },
  { id: 'which', title: t('which'), minWidth: 176, isLong: true, value: objectOf, cell: (one) => <span title={visible(`${one.assetName} ${one.assetId}`)}><Verbatim>{objectOf(one)}</Verbatim></span> },
  { id: 'who', title: t('who'), minWidth: 176, isLong: true, value: ({ userEmail }) => userEmail, cell: ({ userEmail }) => <span title={userEmail}>{userEmail}</span> },
  { id: 'outcome', title: t('outcome'), minWidth: 128, value: ({ status }) => status, cell: ({ status }) => (status === 'Deny' ? <span>⊘ {t('deny')}</span> : <Status state={looks[status]} />) },
  { id: 'code', title: t('code'), minWidth: 144, value: ({ failureCode }) => failureCode, cell: ({ failureCode }) => failureCode || '–' },
  { id: 'sandbox', title: t('sandbox'), minWidth: 96, value: ({ sandboxName }) => sandboxName, cell: ({ sandboxName }) => sandboxName || '–' },
  { id: 'request', title: t('requestId'), minWidth: 288, cell: ({ requestId }) => requestId },
];

function objectOf({ assetName, assetId }: AuditEvent): string {
  return assetName || assetId || '–';
}
