import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import type { Run } from '../../api/lists';
import type { Attempt, RunDetail } from '../../api/own';
import { get, only } from '../../api/query';
import { CopyAs } from '../../components/CopyAs';
import { exactTime } from '../../components/format';
import { Plain } from '../../components/Plain';
import { Json } from '../../components/Source';
import { Query } from '../../components/States';
import { Duration, Time } from '../../components/Values';
import { t } from '../../messages/run';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const h2 = style({ font: 'title-sm', margin: 0 });

/** The attempts, and the run as Flow Service tells it to other programs. */
export default function MetricsTab({ detail }: { readonly detail: RunDetail }) {
  const { run, attempts } = detail;
  const query = useQuery(get('/data/foundation/flowservice/runs/{id}', { params: { path: { id: run.id } } }));
  return (
    <div className={column}>
      <h2 className={h2}>{t('attempts')}</h2>
      <Plain
        label={t('attempts')}
        columns={[t('attemptColumn'), t('outcome'), t('worker'), t('started'), t('took')]}
        rows={attempts.map((attempt) => {
          const { number, epoch, worker, startedAt, endedAt } = attempt;
          return {
          id: `${String(number)}/${String(epoch)}`,
          cells: [
            number, outcomeOf(attempt), worker ?? '', <Time key="at" at={startedAt} />,
            endedAt === undefined || startedAt === undefined ? <Duration key="took" since={startedAt} /> : <Duration key="took" ms={endedAt - startedAt} />,
            ],
          };
        })}
      />
      <h2 className={h2}>{t('document')}</h2>
      <div><CopyAs of={t('document')} call={{ method: 'GET', path: `/data/foundation/flowservice/runs/${run.id}`, cli: `forebay api GET /runs/${run.id}` }} /></div>
      <Query query={query}>{(page) => <Json label={t('document')} value={only<Run>(page)} />}</Query>
    </div>
  );
}

const outcomes: Readonly<Record<string, () => string>> = {
  running: () => t('running'), success: () => t('success'), failed: () => t('failed'), cancelled: () => t('cancelledAttempt'), givenBack: () => t('givenBack'),
  retried: () => t('retriedAttempt'), lost: () => t('lostAttempt'),
};

function outcomeOf({ outcome, retryAt }: Attempt): string {
  if (outcome === 'waiting') return t('waiting', { when: retryAt === undefined ? '' : exactTime(retryAt) });
  return outcomes[outcome]?.() ?? outcome;
}
