import { Checkbox, Picker, PickerItem, Radio, RadioGroup, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useEffect } from 'react';
import { t } from '../../messages/wizard';
import { type Entry, type Format, isPattern } from '../../sources/explore';
import { Explorer } from '../../sources/Explorer';
import { ErrorBox } from '../../components/ErrorBox';
import { type DataState, without } from '../../wizard/state';
import { useSample } from '../../wizard/useSample';
import { body, note, row, stack, type StepProps } from './step';

const field = style({ width: { default: 'full', sm: 384 } });
const files = style({ font: 'code-sm', margin: 0, paddingStart: 24, overflowWrap: 'anywhere' });
const SHOWN = 8;

/** Which files or which table; how they are read; what the next run would take. */
export function DataStep({ state, change, source }: StepProps) {
  const { data, connectionId } = state;
  const { path = '', type = 'file' } = data.params;
  const { previewed, format, query, found } = useSample(state, source);
  const isTable = source?.kind === 'table';
  const detected = query.data?.format;
  // What was found out is kept with the draft: the source connection is made from it.
  useEffect(() => {
    if (isTable || format !== undefined || detected?.fileType === undefined) return;
    const { fileType, ...properties } = detected;
    change((old) => (old.data.format === fileType && JSON.stringify(old.data.properties) === JSON.stringify(properties)
      ? {}
      : { data: { ...old.data, format: fileType, properties, isDetected: true } }));
  }, [isTable, format, detected, change]);

  if (connectionId === undefined || source === undefined) return <p className={body}>{t('lackAccount')}</p>;
  const set = (part: Partial<DataState>) => change((old) => ({ data: { ...old.data, ...part } }));
  function choose(entry: Entry): void {
    if (isTable) {
      if (entry.path !== path) {
        change((old) => ({ data: { params: { path: entry.path }, format: 'tabular', properties: {} }, mapping: [], target: without(old.target, 'schema') }));
      }
      return;
    }
    if (entry.type === 'folder') set({ params: { ...data.params, path: entry.path, type: 'folder' } });
    // Within a folder or a pattern that is chosen already, a file is only looked at.
    else if (found.data !== undefined && found.data.files.includes(entry.path) && found.data.files.length > 1) set({ sample: entry.path });
    else {
      change((old) => ({
        data: { ...old.data, params: { ...old.data.params, path: entry.path, type: 'file' }, sample: entry.path, ...(old.data.isDetected === true && { isDetected: true }) },
        ...(old.mapping.length > 0 && old.data.params.path !== entry.path && { target: old.target }),
      }));
    }
  }
  function setFormat(next: Format | undefined): void {
    if (next === undefined) {
      set({ isDetected: true, properties: {} });
      return;
    }
    const { fileType, ...properties } = next;
    change((old) => ({ data: { ...old.data, ...(fileType !== undefined && { format: fileType }), properties, isDetected: false } }));
  }
  const way = isPattern(path) ? 'pattern' : type;
  function setWay(next: string): void {
    const folder = path.replace(/[*?[{].*$/, '').replace(/[^/]*$/, '');
    const name = (data.sample ?? path).split('/').at(-1) ?? '';
    if (next === 'folder') set({ params: { ...data.params, path: folder === '' ? '/' : folder, type: 'folder' } });
    else if (next === 'file') set({ params: { ...data.params, path: data.sample ?? previewed ?? path, type: 'file' } });
    else set({ params: { ...data.params, path: `${folder}*${name.includes('.') ? name.slice(name.indexOf('.')) : ''}`, type: 'file' } });
  }
  return (
    <Explorer connection={connectionId} isTables={isTable} chosen={data.sample ?? (way === 'folder' && !path.endsWith('/') ? `${path}/` : path)} previewed={previewed}
      onChoose={choose} {...(format !== undefined && { format })} onFormat={setFormat}>
      {isTable ? <Delta state={state} columns={query.data?.columns ?? []} onChange={(deltaColumn) => change((old) => ({ data: withDelta(old.data, deltaColumn) }))} /> : path !== '' && (
        <div className={stack}>
          <RadioGroup label={t('whatIsRead')} orientation="horizontal" value={way} onChange={setWay}>
            <Radio value="file">{t('thisFile')}</Radio>
            <Radio value="folder">{t('thisFolder')}</Radio>
            <Radio value="pattern">{t('pattern')}</Radio>
          </RadioGroup>
          <div className={row}>
            <TextField label={t('path')} value={path} styles={field} autoComplete="off" {...(way === 'pattern' && { description: t('patternHelp') })}
              onChange={(text) => set({ params: { ...data.params, path: text } })} />
            {way === 'folder' && (
              <Checkbox isSelected={data.params.recursive === true} onChange={(recursive) => set({ params: { ...data.params, recursive } })}>{t('subfolders')}</Checkbox>
            )}
          </div>
          {way !== 'file' && (found.error !== null ? <ErrorBox error={found.error} onRetry={() => void found.refetch()} /> : found.data !== undefined && (
            <details>
              <summary className={note}>
                <span role="status">
                  {found.data.files.length === 0 ? t('filesNone') : found.data.isPart ? t('filesAtLeast', { count: found.data.files.length }) : t('filesMatch', { count: found.data.files.length })}
                </span>
              </summary>
              <ul className={files}>
                {found.data.files.slice(0, SHOWN).map((one) => <li key={one}>{one}</li>)}
                {found.data.files.length > SHOWN && <li>{t('andMore', { count: found.data.files.length - SHOWN })}</li>}
              </ul>
              <p className={note}>{t('filesNext')}</p>
            </details>
          ))}
        </div>
      )}
    </Explorer>
  );
}

function withDelta(data: DataState, deltaColumn: DataState['deltaColumn']): DataState {
  return { ...without(data, 'deltaColumn'), isWhole: deltaColumn === undefined, ...(deltaColumn !== undefined && { deltaColumn }) };
}

interface DeltaProps {
  readonly state: StepProps['state'];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly onChange: (column: DataState['deltaColumn']) => void;
}

/** Which column tells that a row of a table has changed. */
function Delta({ state: { data }, columns, onChange }: DeltaProps) {
  const times = columns.filter((one) => /date|time/i.test(one.type));
  const usual = times.find((one) => /^(updated_?at|last_?modified(_?date)?|modified_?at)$/i.test(one.name));
  const isUnset = data.deltaColumn === undefined;
  const isFirst = columns.length > 0 && isUnset && data.isWhole !== true;
  useEffect(() => {
    // The usual column is the better start; who takes it away says so.
    if (isFirst && usual !== undefined) onChange({ name: usual.name, dateFormat: 'YYYY-MM-DD', timezone: 'UTC' });
    // Once for each table, when its columns are known.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [isFirst, usual?.name]);
  if (data.params.path === undefined || columns.length === 0) return null;
  const { name } = data.deltaColumn ?? {};
  const offered = name !== undefined && !times.some((one) => one.name === name) ? [{ name, type: '' }, ...times] : times;
  return (
    <Picker label={t('tableColumn')} description={t('tableColumnHelp')} styles={field} value={name ?? 'none'}
      onChange={(one) => onChange(one === 'none' ? undefined : { name: String(one), dateFormat: 'YYYY-MM-DD', timezone: 'UTC' })}>
      {[{ name: 'none', type: '' }, ...offered].map((one) => <PickerItem key={one.name} id={one.name}>{one.name === 'none' ? t('tableColumnNone') : one.name}</PickerItem>)}
    </Picker>
  );
}
