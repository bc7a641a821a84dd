import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { call } from '../api/client';
import { OWN, type SchedulePreview } from '../api/own';
import { keyOf } from '../api/query';
import { useSettings } from '../app/settings';
import { ErrorBox } from '../components/ErrorBox';
import { exactTime } from '../components/format';
import { Skeleton } from '../components/States';
import { useLate } from '../mapping/check';
import { t } from '../messages/flow-parts';

const h3 = style({ font: 'title', margin: 0 });
const list = style({ font: 'ui', marginTop: 8, marginBottom: 8, marginX: 0, paddingStart: 24, display: 'flex', flexDirection: 'column', rowGap: 4 });
const note = style({ font: 'ui-sm', color: 'neutral-subdued', margin: 0 });
const PATH = `${OWN}/schedules/preview`;

interface Props {
  readonly schedule: Readonly<Record<string, unknown>>;
  /** The dataflow has run before: the first of the runs is no first run. */
  readonly isGoingOn?: boolean;
}

/** When the next five runs are due by a schedule that is not saved yet, and what each takes. */
export function NextRuns({ schedule, isGoingOn = false }: Props) {
  useSettings();
  const isOver = isGoingOn && schedule.frequency === 'once';
  const asked = useLate(JSON.stringify(schedule), 400);
  const query = useQuery({
    queryKey: keyOf(PATH, asked),
    queryFn: ({ signal }) => call<SchedulePreview>(PATH, { method: 'POST', body: { scheduleParams: JSON.parse(asked) as unknown, count: 5 }, signal }),
    placeholderData: keepPreviousData,
    retry: false,
    enabled: !isOver,
  });
  if (isOver) return <Section><p className={note}>{t('noNextOnce')}</p></Section>;
  return (
    <Section>
      {query.error !== null ? <ErrorBox error={query.error} onRetry={() => void query.refetch()} /> : query.data === undefined ? <Skeleton lines={3} /> : (
        <>
          {query.data.runs.length === 0 ? <p className={note}>{t('noNext')}</p> : (
            <ol className={list}>
              {query.data.runs.map(({ dueAt, window }, i) => (
                <li key={dueAt}>
                  {isGoingOn && i === 0 ? t('runSince', { at: exactTime(dueAt) }) : window.from == null || window.to == null || window.from <= 0
                    ? t('runAll', { at: exactTime(dueAt) })
                    : t('runAt', { at: exactTime(dueAt), from: exactTime(window.from), to: exactTime(window.to) })}
                </li>
              ))}
            </ol>
          )}
          <p className={note}>{query.data.overlap}</p>
        </>
      )}
    </Section>
  );
}

function Section({ children }: { readonly children: ReactNode }) {
  return <section aria-labelledby="next-runs"><h3 id="next-runs" className={h3}>{t('nextRuns')}</h3>{children}</section>;
}
