import { Button } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { RunInput } from '../../api/own';
import { type ColumnOf, List } from '../../components/List';
import { Query } from '../../components/States';
import { Bytes } from '../../components/Values';
import { usePages } from '../../flows/usePages';
import { t } from '../../messages/run';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0, alignItems: 'start' });
const full = style({ width: 'full', minWidth: 0 });
const columns: readonly ColumnOf<RunInput>[] = [
  { id: 'path', title: t('path'), minWidth: 240, width: '3fr', cell: ({ path }) => path, value: ({ path }) => path },
  { id: 'bucket', title: t('bucket'), cell: ({ bucket }) => bucket ?? '', value: ({ bucket }) => bucket },
  { id: 'size', title: t('size'), align: 'end', cell: ({ size }) => <Bytes value={size} />, value: ({ size }) => size },
  { id: 'etag', title: t('etag'), cell: ({ etag }) => etag },
];

/** The files that the run took. */
export default function FilesTab({ id }: { readonly id: string }) {
  const query = usePages<RunInput>(`/runs/${id}/inputs`);
  return (
    <Query query={query} isEmpty={({ items }) => items.length === 0} empty={{ title: t('noFiles'), text: t('noFilesText') }}>
      {({ items, first }) => (
        <div className={column}>
          <div className={full}>
            <List label={t('files')} items={items} id={({ bucket = '', path }) => `${bucket}/${path}`} columns={columns} text={({ path }) => path} />
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
