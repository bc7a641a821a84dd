import { Button } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMemo } from 'react';
import type { RunDetail, RunInput } from '../../api/own';
import { type ColumnOf, List } from '../../components/List';
import { Query } from '../../components/States';
import { Bytes } from '../../components/Values';
import { usePages } from '../../flows/usePages';
import { t } from '../../messages/run';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0, alignItems: 'start' });
const text = style({ font: 'body-sm', margin: 0 });
const full = style({ width: 'full', minWidth: 0 });
const columns = (became: (path: string) => string): readonly ColumnOf<RunInput>[] => [
  { id: 'path', title: t('path'), minWidth: 240, width: '3fr', cell: ({ path }) => path, value: ({ path }) => path },
  { id: 'became', title: t('became'), minWidth: 176, cell: ({ path }) => became(path), value: ({ path }) => became(path) },
  { id: 'bucket', title: t('bucket'), cell: ({ bucket }) => bucket ?? '', value: ({ bucket }) => bucket },
  { id: 'size', title: t('size'), align: 'end', cell: ({ size }) => <Bytes value={size} />, value: ({ size }) => size },
  { id: 'etag', title: t('etag'), cell: ({ etag }) => etag },
];

function nothing(status: RunDetail['run']['status']) {
  switch (status) {
    case 'failed': case 'cancelled': return { title: t('noFiles'), text: t('noFilesFailed') };
    case 'pending': case 'inProgress': return { title: t('noFilesYet'), text: t('noFilesYetText') };
    default: return { title: t('noFiles'), text: t('noFilesText') };
  }
}

/** The files that the run took, and what became of each. */
export default function FilesTab({ detail: { run: { id, status }, problems } }: { readonly detail: RunDetail }) {
  const query = usePages<RunInput>(`/runs/${id}/inputs`);
  const hasFailed = status === 'failed' || status === 'cancelled';
  const bad = problems.flatMap(({ where }) => where.file ?? []).join('\n');
  const shown = useMemo(() => {
    const places = bad.split('\n');
    return columns((path) => {
      if (status === 'success' || status === 'partial') return t('becameRead');
      if (!hasFailed) return t('becameWaiting');
      return places.includes(path) ? t('becameFailed') : t('becameNothing');
    });
  }, [bad, status, hasFailed]);
  return (
    <Query query={query} isEmpty={({ items }) => items.length === 0} empty={nothing(status)}>
      {({ items, first }) => (
        <div className={column}>
          {hasFailed && <p className={text}>{t('filesFailed')}</p>}
          <div className={full}>
            <List label={t('files')} items={items} id={({ bucket = '', path }) => `${bucket}/${path}`} columns={shown} text={({ path }) => path} />
          </div>
          {query.hasNextPage && (
            <Button variant="secondary" isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
              {t('more', { count: first.total - items.length })}
            </Button>
          )}
        </div>
      )}
    </Query>
  );
}
