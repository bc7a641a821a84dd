import { Button, LinkButton, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMemo } from 'react';
import { caller } from '../../api/context';
import { OWN, type RunError, type RunErrors, type RunRow } from '../../api/own';
import { useUrl } from '../../app/go';
import { CopyAs } from '../../components/CopyAs';
import { DataGrid } from '../../components/DataGrid';
import { Query } from '../../components/States';
import { usePages } from '../../flows/usePages';
import { t } from '../../messages/run';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', gap: 12, alignItems: 'end' });
const said = style({ font: 'ui-sm', color: 'neutral-subdued' });

/** The rows that failed, by code, with their places in the files. */
export default function RowsTab({ run: { id, status } }: { readonly run: RunRow }) {
  const [url, setUrl] = useUrl();
  const code = typeof url.code === 'string' ? url.code : undefined;
  const path = `/runs/${id}/errors`;
  const query = usePages<RunError, RunErrors>(path, { code });
  const file = (format: string) =>
    `${OWN}${path}?${new URLSearchParams({ format, sandbox: caller.get().sandbox ?? '', ...(code !== undefined && { code }) }).toString()}`;
  return (
    <Query
      query={query}
      isEmpty={({ first }) => first.total === 0 && first.groups.length === 0}
      empty={{ title: t('noRows'), text: status === 'failed' || status === 'cancelled' ? t('noRowsFailed') : t('noRowsText') }}
    >
      {({ items, first: { total, groups } }) => (
        <div className={column}>
          <div className={bar}>
            <Picker label={t('code')} value={code ?? 'all'} onChange={(key) => setUrl({ code: key === 'all' ? undefined : String(key) })} styles={style({ width: 288, maxWidth: 'full' })}>
              {[
                <PickerItem key="all" id="all">{t('allCodes')}</PickerItem>,
                ...groups.map((group) => <PickerItem key={group.code} id={group.code}>{t('codeCount', { code: group.code, count: group.count })}</PickerItem>),
              ]}
            </Picker>
            <LinkButton variant="secondary" href={file('csv')} download>{t('downloadCsv')}</LinkButton>
            <LinkButton variant="secondary" href={file('jsonl')} download>{t('downloadJsonl')}</LinkButton>
            <CopyAs of={t('rows')} call={{ method: 'GET', path: OWN + path, query: code === undefined ? {} : { code }, cli: `forebay runs errors ${id}` }} />
          </div>
          <span role="status" className={said}>{t('rowsShown', { shown: items.length, count: total })}</span>
          <Grid errors={items} />
          {query.hasNextPage && (
            <div>
              <Button variant="secondary" isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
                {t('more', { count: total - items.length })}
              </Button>
            </div>
          )}
        </div>
      )}
    </Query>
  );
}

function Grid({ errors }: { readonly errors: readonly RunError[] }) {
  const columns = useMemo(() => [
    { id: 'file', title: t('file'), width: 240 }, { id: 'line', title: t('line'), width: 72 }, { id: 'column', title: t('column'), width: 72 },
    { id: 'field', title: t('field'), width: 128 }, { id: 'code', title: t('code'), width: 160 }, { id: 'message', title: t('message'), width: 320 },
    { id: 'value', title: t('value'), width: 160 }, { id: 'rejected', title: t('rejected'), width: 128 }, { id: 'row', title: t('row'), width: 560 },
  ], []);
  const rows = useMemo(() => errors.map((one) => ({ ...one, rejected: one.rejected ? t('yes') : t('no') })), [errors]);
  return <DataGrid label={t('rows')} columns={columns} rows={rows} height={480} />;
}
