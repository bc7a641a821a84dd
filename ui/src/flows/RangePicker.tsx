import { ActionButton, Picker, PickerItem } from '@react-spectrum/s2';
import ChevronLeft from '@react-spectrum/s2/icons/ChevronLeft';
import ChevronRight from '@react-spectrum/s2/icons/ChevronRight';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { Range, RangeName } from '../app/range';
import { exactTime } from '../components/format';
import { t } from '../messages/home';

const row = style({ display: 'flex', flexWrap: 'wrap', gap: 4, alignItems: 'center' });

/** Which time is shown; the keys [ and ] do what the arrows do. */
export function RangePicker({ range }: { readonly range: Range }) {
  return (
    <div className={row}>
      <ActionButton isQuiet aria-label={t('earlier')} onPress={() => range.shift(-1)}><ChevronLeft /></ActionButton>
      <Picker aria-label={t('range')} value={range.name ?? 'custom'} onChange={(name) => { if (name !== 'custom') range.choose(name as RangeName); }}>
        <PickerItem id="24h">{t('h24')}</PickerItem>
        <PickerItem id="7d">{t('d7')}</PickerItem>
        <PickerItem id="30d">{t('d30')}</PickerItem>
        {range.name === undefined && <PickerItem id="custom">{t('custom', { from: exactTime(range.from), to: exactTime(range.to) })}</PickerItem>}
      </Picker>
      <ActionButton isQuiet aria-label={t('later')} isDisabled={range.name !== undefined} onPress={() => range.shift(1)}><ChevronRight /></ActionButton>
    </div>
  );
}
