import { DatePicker, NumberField, Picker, PickerItem, Radio, RadioGroup, Switch } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { type CalendarDateTime, fromAbsolute, getLocalTimeZone, toCalendarDateTime } from '@internationalized/date';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { call } from '../../api/client';
import { keyOf } from '../../api/query';
import { useSettings } from '../../app/settings';
import { ErrorBox } from '../../components/ErrorBox';
import { exactTime } from '../../components/format';
import { Skeleton } from '../../components/States';
import { useLate } from '../../mapping/check';
import { t } from '../../messages/wizard';
import { scheduleParams } from '../../wizard/create';
import type { Frequency, ScheduleState, WizardState } from '../../wizard/state';
import { h3, narrow, note, row, type StepProps } from './step';

const field = style({ width: 192 });
const list = style({ font: 'ui', margin: 0, paddingStart: 24, display: 'flex', flexDirection: 'column', rowGap: 4 });
const PATH = '/data/foundation/forebay/schedules/preview';

interface Runs {
  readonly runs: readonly { readonly dueAt: number; readonly window: { readonly from: number | null; readonly to: number } }[];
  readonly text: string;
  readonly overlap: string;
}

export function ScheduleStep({ state, change }: StepProps) {
  const { schedule } = state;
  const { frequency, interval, startTime, endTime, backfill = true } = schedule;
  const isOnce = frequency === 'once';
  const set = (part: { [name in keyof ScheduleState]?: ScheduleState[name] | undefined }) =>
    change((old) => ({ schedule: Object.fromEntries(Object.entries({ ...old.schedule, ...part }).filter(([, value]) => value !== undefined)) as unknown as ScheduleState }));
  const soon = () => Math.ceil(Date.now() / 3_600_000) * 3600;
  return (
    <div className={narrow}>
      <div className={row}>
        <Picker label={t('frequency')} value={frequency} styles={field} onChange={(one) => {
          const next = one as Frequency;
          set({ frequency: next, interval: next === 'once' ? undefined : next === 'minute' ? Math.max(15, interval ?? 15) : (interval ?? 1) });
        }}>
          <PickerItem id="once">{t('once')}</PickerItem>
          <PickerItem id="minute">{t('minute')}</PickerItem>
          <PickerItem id="hour">{t('hour')}</PickerItem>
          <PickerItem id="day">{t('day')}</PickerItem>
          <PickerItem id="week">{t('week')}</PickerItem>
        </Picker>
        {!isOnce && (
          <NumberField label={t('interval')} value={interval ?? (frequency === 'minute' ? 15 : 1)} minValue={frequency === 'minute' ? 15 : 1} styles={field}
            onChange={(value) => set({ interval: Number.isNaN(value) ? undefined : Math.round(value) })} />
        )}
      </div>
      <RadioGroup label={t('start')} value={startTime === undefined ? 'now' : 'at'} onChange={(one) => set({ startTime: one === 'now' ? undefined : soon() })}>
        <Radio value="now">{t('startNow')}</Radio>
        <Radio value="at">{t('startAt')}</Radio>
      </RadioGroup>
      {startTime !== undefined && <Moment label={t('startTime')} value={startTime} onChange={(value) => set({ startTime: value })} />}
      {!isOnce && (
        <RadioGroup label={t('end')} value={endTime === undefined ? 'never' : 'at'} onChange={(one) => set({ endTime: one === 'never' ? undefined : (startTime ?? soon()) + 7 * 86_400 })}>
          <Radio value="never">{t('endNever')}</Radio>
          <Radio value="at">{t('endAt')}</Radio>
        </RadioGroup>
      )}
      {!isOnce && endTime !== undefined && <Moment label={t('endTime')} value={endTime} onChange={(value) => set({ endTime: value })} />}
      <div>
        <Switch isSelected={backfill} isDisabled={isOnce} onChange={(isOn) => set({ backfill: isOn })}>{t('backfill')}</Switch>
        <p className={note}>{t('backfillHelp')}</p>
      </div>
      <Next state={state} />
    </div>
  );
}

/** A moment, chosen in local time, shown in both. */
function Moment({ label, value, onChange }: { readonly label: string; readonly value: number; readonly onChange: (seconds: number) => void }) {
  useSettings();
  const zone = getLocalTimeZone();
  const utc = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }).format(value * 1000);
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short', timeZone: zone }).format(value * 1000);
  return (
    <div>
      <DatePicker<CalendarDateTime> label={label} granularity="minute" value={toCalendarDateTime(fromAbsolute(value * 1000, zone))}
        onChange={(chosen) => { if (chosen !== null) onChange(Math.floor(chosen.toDate(zone).getTime() / 1000)); }} />
      <p className={note}>{t('inUtc', { local: `${local} ${zone}`, utc: `${utc} UTC` })}</p>
    </div>
  );
}

/** When the next five runs are due, and what each takes. */
export function Next({ state }: { readonly state: WizardState }) {
  useSettings();
  // A start that is "now" is the same question for a minute.
  const asked = useLate(JSON.stringify(scheduleParams(state, Math.floor(Date.now() / 60_000) * 60_000)), 400);
  const query = useQuery({
    queryKey: keyOf(PATH, asked),
    queryFn: ({ signal }) => call<Runs>(PATH, { method: 'POST', body: { scheduleParams: JSON.parse(asked) as unknown, count: 5 }, signal }),
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
                {window.from === null || window.from <= 0
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
