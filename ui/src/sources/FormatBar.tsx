import { ActionButton, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { t } from '../messages/sources';
import type { Format } from './explore';

const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });
const picker = style({ width: 160 });

const compressions = ['bzip2', 'gzip', 'deflate', 'zipDeflate', 'tarGzip', 'tar'];
const encodings = ['UTF-8', 'UTF-16', 'ISO-8859-1', 'windows-1252', 'US-ASCII'];

interface Props {
  /** How the file is read now. */
  readonly format: Format;
  readonly isOverridden: boolean;
  /** Undefined: as the server finds out. */
  readonly onChange: (format: Format | undefined) => void;
}

/** How a file is written: what was found out, each of which can be set instead. */
export function FormatBar({ format, isOverridden, onChange }: Props) {
  const set = (part: Format) => {
    // Whoever sets one of them says all of them: the server takes either its own findings or ours.
    const all = { fileType: 'delimited', ...format, ...part };
    onChange(Object.fromEntries(Object.entries(all).filter(([name, value]) =>
      value !== '' && (name !== 'columnDelimiter' || all.fileType === 'delimited'))) as Format);
  };
  const kept = (list: readonly string[], value: string | undefined) => (value === undefined || list.includes(value) ? list : [...list, value]);
  return (
    <div className={bar} role="group" aria-label={isOverridden ? t('overridden') : t('detected')}>
      <Picker label={`${t('format')} (${isOverridden ? t('overridden') : t('detected')})`} styles={style({ width: 220 })} value={format.fileType ?? null}
        onChange={(fileType) => set({ fileType: String(fileType) })}>
        <PickerItem id="delimited">{t('delimited')}</PickerItem>
        <PickerItem id="json">{t('json')}</PickerItem>
        <PickerItem id="parquet">{t('parquet')}</PickerItem>
      </Picker>
      {format.fileType === 'delimited' && (
        <Picker label={t('delimiter')} styles={picker} value={format.columnDelimiter === '\t' ? '\\t' : (format.columnDelimiter ?? ',')}
          onChange={(one) => set({ columnDelimiter: String(one) })}>
          <PickerItem id=",">{t('comma')}</PickerItem>
          <PickerItem id=";">{t('semicolon')}</PickerItem>
          <PickerItem id={'\\t'}>{t('tab')}</PickerItem>
          <PickerItem id="|">{t('pipe')}</PickerItem>
        </Picker>
      )}
      {format.fileType !== 'parquet' && (
        <>
          <Picker label={t('compression')} styles={picker} value={format.compressionType ?? 'none'}
            onChange={(one) => set({ compressionType: one === 'none' ? '' : String(one) })}>
            <PickerItem id="none">{t('uncompressed')}</PickerItem>
            {kept(compressions, format.compressionType).map((one) => <PickerItem key={one} id={one}>{one}</PickerItem>)}
          </Picker>
          <Picker label={t('encoding')} styles={picker} value={format.encoding ?? 'UTF-8'}
            onChange={(one) => set({ encoding: one === 'UTF-8' ? '' : String(one) })}>
            {kept(encodings, format.encoding).map((one) => <PickerItem key={one} id={one}>{one}</PickerItem>)}
          </Picker>
        </>
      )}
      {isOverridden && <ActionButton onPress={() => onChange(undefined)}>{t('resetDetected')}</ActionButton>}
    </div>
  );
}
