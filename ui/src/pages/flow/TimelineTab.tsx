import { Button, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { call } from '../../api/client';
import { type FlowRow, OWN, type Timeline } from '../../api/own';
import { keyOf } from '../../api/query';
import { useUrl } from '../../app/go';
import { Query } from '../../components/States';
import { Events } from '../../flows/Events';
import { t } from '../../messages/flow';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0, alignItems: 'start' });
const full = style({ width: 'full', minWidth: 0 });

function timeline(flow: string, kind: string) {
  return infiniteQueryOptions({
    queryKey: keyOf(`${OWN}/flows/${flow}/timeline`, kind),
    queryFn: ({ pageParam, signal }) => call<Timeline>(`${OWN}/flows/${flow}/timeline`, { query: { limit: 50, before: pageParam, kind }, signal }),
    initialPageParam: undefined as Timeline['next'],
    getNextPageParam: (page) => page.next,
    select: ({ pages }) => pages.flatMap((page) => page.items),
  });
}

/** Configuration changes beside runs, so that "what changed?" answers itself. */
export default function TimelineTab({ flow }: { readonly flow: FlowRow }) {
  const [url, setUrl] = useUrl();
  const kind = url.kind === 'run' || url.kind === 'change' ? url.kind : 'run,change';
  const query = useInfiniteQuery(timeline(flow.id, kind));
  return (
    <div className={column}>
      <Picker label={t('show')} value={kind} onChange={(key) => setUrl({ kind: key === 'run,change' ? undefined : String(key) })}>
        <PickerItem id="run,change">{t('all')}</PickerItem>
        <PickerItem id="run">{t('onlyRuns')}</PickerItem>
        <PickerItem id="change">{t('onlyChanges')}</PickerItem>
      </Picker>
      <div className={full}>
        <Query query={query} isEmpty={(items) => items.length === 0} empty={{ title: t('noEvents'), text: t('noEventsText') }}>
          {(items) => <Events items={items} label={t('timeline')} />}
        </Query>
      </div>
      {query.hasNextPage && (
        <Button variant="secondary" isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>{t('older')}</Button>
      )}
    </div>
  );
}
