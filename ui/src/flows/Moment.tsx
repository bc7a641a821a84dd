import { DatePicker } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { type CalendarDateTime, fromAbsolute, getLocalTimeZone, toCalendarDateTime } from '@internationalized/date';
import { useSettings, zoneOf } from '../app/settings';
import { t } from '../messages/flow-parts';

const note = style({ font: 'ui-sm', color: 'neutral-subdued', marginTop: 4, marginBottom: 0, marginX: 0 });

interface Props {
  readonly label: string;
  /** Epoch seconds, as schedules have them. */
  readonly value: number;
  readonly onChange: (seconds: number) => void;
}

/** A moment, chosen in the zone that times are shown in, and told in both. */
export default function Moment({ label, value, onChange }: Props) {
  const settings = useSettings();
  const own = getLocalTimeZone();
  const zone = zoneOf(settings) ?? own;
  const told = (timeZone: string) => new Intl.DateTimeFormat(settings.locale, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(value * 1000);
  return (
    <div>
      <DatePicker<CalendarDateTime> label={`${label} (${zone})`} granularity="minute" value={toCalendarDateTime(fromAbsolute(value * 1000, zone))}
        onChange={(chosen) => { if (chosen !== null) onChange(Math.floor(chosen.toDate(zone).getTime() / 1000)); }} />
      <p className={note}>{t('inBoth', { local: `${told(own)} ${own}`, utc: `${told('UTC')} UTC` })}</p>
    </div>
  );
}
