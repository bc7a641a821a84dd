import { Button } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { call } from '../../api/client';
import { type FlowRow, OWN, type Runs } from '../../api/own';
import { keyOf } from '../../api/query';
import { Query } from '../../components/States';
import { RunList } from '../../flows/RunList';
import { t } from '../../messages/flow';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0, alignItems: 'start' });
const full = style({ width: 'full' });

function runsOf(flow: string) {
  return infiniteQueryOptions({
    queryKey: keyOf(`${OWN}/runs`, 'pages', flow),
    queryFn: ({ pageParam, signal }) => call<Runs>(`${OWN}/runs`, { query: { flow, limit: 100, before: pageParam }, signal }),
    initialPageParam: undefined as Runs['next'],
    getNextPageParam: (page) => page.next,
    select: ({ pages }) => pages.flatMap((page) => page.items),
  });
}

/** All runs of a dataflow, the newest first. */
export default function RunsTab({ flow }: { readonly flow: FlowRow }) {
  const query = useInfiniteQuery(runsOf(flow.id));
  return (
    <Query query={query} isEmpty={(runs) => runs.length === 0} empty={{ title: t('noRunsTitle'), text: t('noRunsText') }}>
      {(runs) => (
        <div className={column}>
          <div className={full}><RunList label={t('runs')} runs={runs} /></div>
          {query.hasNextPage && (
            <Button variant="secondary" isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>{t('older')}</Button>
          )}
        </div>
      )}
    </Query>
  );
}
