import { Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { own, type System } from '../../api/own';
import { to } from '../../app/links';
import { Facts } from '../../components/Facts';
import { Query } from '../../components/States';
import { Count, Time } from '../../components/Values';
import { t } from '../../messages/monitoring';

const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12 });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

/** What waits, and who works on it. */
export default function Queue({ isHeld }: { readonly isHeld: boolean }) {
  const query = useQuery({ ...own<System>('/system'), refetchInterval: isHeld ? false : 10_000 });
  return (
    <section className={section} aria-labelledby="queue">
      <h2 id="queue" className={h2}>{t('queue')}</h2>
      <Query query={query} lines={2}>
        {({ queue, workers }) => {
          const alive = workers.filter((worker) => worker.alive).length;
          return (
            <>
              <Facts
                of={[
                  [t('queued'), <Count key="queued" value={queue.queued} />],
                  [t('running'), <Count key="running" value={queue.running} />],
                  [t('waiting'), <Count key="waiting" value={queue.waiting} />],
                  [t('oldest'), queue.oldestQueuedAt === undefined ? undefined : <Time key="oldest" at={queue.oldestQueuedAt} />],
                  [t('workers'), <Count key="workers" value={alive} />],
                ]}
              />
              {/* Who has nothing to do is not listed, so none is a fault only while something waits. */}
              {alive === 0 && queue.queued > 0 && <p className={text}>{t('noWorkers')}</p>}
              <span><Link href={to.admin('health')}>{t('health_')}</Link></span>
            </>
          );
        }}
      </Query>
    </section>
  );
}
