import { NumberField, Picker, PickerItem, Radio, RadioGroup, Switch } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { lazy, Suspense } from 'react';
import { NextRuns } from '../../flows/NextRuns';
import { t } from '../../messages/wizard';
import { scheduleParams } from '../../wizard/create';
import type { Frequency, ScheduleState } from '../../wizard/state';
import { narrow, note, row, type StepProps } from './step';
import { Pending } from '../../components/Pending';

const Moment = lazy(() => import('../../flows/Moment'));

const field = style({ width: 192 });

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
      {startTime !== undefined && <Suspense fallback={<Pending />}><Moment label={t('startTime')} value={startTime} onChange={(value) => set({ startTime: value })} /></Suspense>}
      {!isOnce && (
        <RadioGroup label={t('end')} value={endTime === undefined ? 'never' : 'at'} onChange={(one) => set({ endTime: one === 'never' ? undefined : (startTime ?? soon()) + 7 * 86_400 })}>
          <Radio value="never">{t('endNever')}</Radio>
          <Radio value="at">{t('endAt')}</Radio>
        </RadioGroup>
      )}
      {!isOnce && endTime !== undefined && <Suspense fallback={<Pending />}><Moment label={t('endTime')} value={endTime} onChange={(value) => set({ endTime: value })} /></Suspense>}
      <div>
        <Switch isSelected={backfill} isDisabled={isOnce} onChange={(isOn) => set({ backfill: isOn })}>{t('backfill')}</Switch>
        <p className={note}>{t('backfillHelp')}</p>
      </div>
      {/* A start that is "now" is the same question for a minute. */}
      <NextRuns schedule={scheduleParams(state, Math.floor(Date.now() / 60_000) * 60_000)} />
    </div>
  );
}
