import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { call } from '../../api/client';
import { OWN, type SchedulePreview } from '../../api/own';
import { keyOf } from '../../api/query';
import { useSettings } from '../../app/settings';
import { ErrorBox } from '../../components/ErrorBox';
import { exactTime } from '../../components/format';
import { Skeleton } from '../../components/States';
import { useLate } from '../../mapping/check';
import { t } from '../../messages/wizard';
import { scheduleParams } from '../../wizard/create';
import type { WizardState } from '../../wizard/state';
import { h3, note } from './step';

const list = style({ font: 'ui', marginTop: 8, marginBottom: 8, marginX: 0, paddingStart: 24, display: 'flex', flexDirection: 'column', rowGap: 4 });
const PATH = `${OWN}/schedules/preview`;

/** When the next five runs are due, and what each takes. */
export function Next({ state }: { readonly state: WizardState }) {
  useSettings();
  // A start that is "now" is the same question for a minute.
  const asked = useLate(JSON.stringify(scheduleParams(state, Math.floor(Date.now() / 60_000) * 60_000)), 400);
  const query = useQuery({
    queryKey: keyOf(PATH, asked),
    queryFn: ({ signal }) => call<SchedulePreview>(PATH, { method: 'POST', body: { scheduleParams: JSON.parse(asked) as unknown, count: 5 }, signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });
  return (
    <section aria-labelledby="next-runs">
      <h3 id="next-runs" className={h3}>{t('nextRuns')}</h3>
      {query.error !== null ? <ErrorBox error={query.error} onRetry={() => void query.refetch()} /> : query.data === undefined ? <Skeleton lines={3} /> : (
        <>
          <ol className={list}>
            {query.data.runs.map(({ dueAt, window }) => (
              <li key={dueAt}>
                {window.from == null || window.to == null || window.from <= 0
                  ? t('runAll', { at: exactTime(dueAt) })
                  : t('runAt', { at: exactTime(dueAt), from: exactTime(window.from), to: exactTime(window.to) })}
              </li>
            ))}
          </ol>
          <p className={note}>{query.data.overlap}</p>
        </>
      )}
    </section>
  );
}
