import { ActionButton, Button, Menu, MenuItem, MenuTrigger, Picker, PickerItem, SearchField, Text } from '@react-spectrum/s2';
import Redo from '@react-spectrum/s2/icons/Redo';
import Undo from '@react-spectrum/s2/icons/Undo';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { asApiError } from '../api/errors';
import { useShortcut } from '../app/shortcuts';
import { ErrorBox } from '../components/ErrorBox';
import { toast } from '../components/toast';
import { t } from '../messages/mapping';
import type { Column, Row } from '../sources/explore';
import { check, type Fault, type SchemaRef, useCheck } from './check';
import { useHistory } from './history';
import { ImportDialog } from './ImportDialog';
import { autoMap, columnOf, fieldName, type FieldType, fromCsv, isKnown, type Line, lines, type Rule, type TargetField, toCsv, typeFor, written } from './model';
import { Lines } from './Lines';
import { RuleDialog } from './RuleDialog';
import { valueAt } from '../sources/explore';
import { without } from '../wizard/state';

/** What the editor changes: the rules, and for a schema that is made with the dataflow also its fields. */
export interface Mapping {
  readonly rules: readonly Rule[];
  readonly fields: readonly TargetField[];
}

export interface EditorProps {
  readonly columns: readonly Column[];
  /** Rows of the source to try the rules on. */
  readonly rows: readonly Row[];
  readonly mapping: Mapping;
  readonly onChange: (mapping: Mapping) => void;
  /** The schema of the dataset; without it the fields are made with the dataflow and can be changed here. */
  readonly schema?: SchemaRef;
  /** The organization's namespace, where new fields go. */
  readonly tenant?: string;
  readonly isReadOnly?: boolean;
  /** The dataflow whose mapping this is: it is not offered for import. */
  readonly flow?: string;
}

type Show = 'all' | 'required' | 'unmapped' | 'errors';

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });
const buttons = style({ display: 'flex', flexWrap: 'wrap', gap: 8, marginStart: 'auto' });
const numbers = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 4, font: 'title-sm', alignItems: 'center' });
const bad = style({ color: 'negative' });
const note = style({ font: 'ui-sm', color: 'neutral-subdued', margin: 0 });
const hidden = style({ display: 'none' });

/** The mapping of columns to fields: everything by keyboard, a thousand fields fluent, each rule tried on the sample. */
export function Editor({ columns, rows, mapping, onChange, schema, tenant, isReadOnly = false, flow }: EditorProps) {
  const { rules, fields } = mapping;
  const isNew = schema === undefined && tenant !== undefined;
  const { set, undo, redo, canUndo, canRedo } = useHistory(mapping, onChange);
  const [filter, setFilter] = useState('');
  const [show, setShow] = useState<Show>('all');
  const [edited, setEdited] = useState<Line | 'new'>();
  const [isImporting, setImporting] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const client = useQueryClient();
  const { data: checked, error, isFetching, refetch } = useCheck(rules, rows, fields, schema);
  const all = useMemo(() => lines(columns, rules, fields), [columns, rules, fields]);
  const words = useDeferredValue(filter).toLowerCase().split(/\s+/).filter(Boolean);
  const byPath = useMemo(() => new Map(fields.map((one) => [one.path, one])), [fields]);
  const faults = useMemo(() => {
    const names = new Set(columns.map((one) => one.name));
    const all = new Map<number, Fault>(checked?.faults);
    rules.forEach((rule, at) => {
      if (names.size > 0 && rule.sourceType === 'ATTRIBUTE' && !isKnown(rule.source, names)) all.set(at, { message: t('noColumn', { name: columnOf(rule.source) }) });
    });
    return all;
  }, [checked, rules, columns]);
  const shownLines = useMemo(() => all.filter((line) => {
    const text = `${line.column?.name ?? ''} ${line.column?.title ?? ''} ${line.rule?.source ?? ''} ${line.rule?.destination ?? ''} ${line.missing?.path ?? ''}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) return false;
    switch (show) {
      case 'all': return true;
      case 'required': return line.missing !== undefined || byPath.get(line.rule?.destination ?? '')?.required === true;
      case 'unmapped': return line.rule === undefined;
      case 'errors': return line.at !== undefined && faults.has(line.at);
    }
  // The words are made anew each time: their text is what counts.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  }), [all, words.join(' '), show, byPath, faults]);

  const filled = useMemo(() => new Set(rules.map((rule) => rule.destination)), [rules]);
  const required = fields.filter((one) => one.required === true);
  const mappedColumns = new Set(rules.filter((rule) => rule.sourceType === 'ATTRIBUTE').map((rule) => columnOf(rule.source)));
  const key = fields.find((one) => one.key === true);
  const errors = faults.size;

  useShortcut('mod+z', t('undo'), undo, canUndo && !isReadOnly);
  useShortcut('mod+y', t('redo'), redo, canRedo && !isReadOnly);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || !event.shiftKey || event.key.toLowerCase() !== 'z' || isReadOnly) return;
      event.preventDefault();
      event.stopPropagation();
      redo();
    };
    window.addEventListener('keydown', listen, true);
    return () => window.removeEventListener('keydown', listen, true);
  }, [redo, isReadOnly]);

  /** The fields with one for each target of the rules: a target that is typed anew becomes a field of the new schema. */
  function grown(next: readonly Rule[], of: readonly TargetField[] = fields): readonly TargetField[] {
    if (!isNew) return of;
    const known = new Set(of.map((one) => one.path));
    const added = next.flatMap((rule): TargetField[] => {
      if (known.has(rule.destination) || !rule.destination.startsWith(`_${tenant}.`)) return [];
      known.add(rule.destination);
      const column = columns.find((one) => one.name === columnOf(rule.source));
      return [{ path: rule.destination, type: column === undefined ? 'string' : typeFor(column, rows.map((row) => valueAt(row, column.name))) }];
    });
    return [...of, ...added];
  }
  const place = (path: string) => (isNew && !byPath.has(path) && !path.startsWith('_') ? `_${tenant}.${path.split('.').map(fieldName).join('.')}` : path);
  const write = (next: readonly Rule[]) => set({ rules: next, fields: grown(next) });

  function put(line: Line, rule: Rule): void {
    const placed = { ...rule, destination: place(rule.destination) };
    write(line.at === undefined ? [...rules, placed] : rules.map((one, at) => (at === line.at ? placed : one)));
  }
  function toggle(line: Line, isOn: boolean): void {
    if (!isOn) {
      write(rules.filter((_, at) => at !== line.at));
      return;
    }
    if (line.column === undefined) return;
    const { name } = line.column;
    const [found] = autoMap([line.column], rules, fields).slice(rules.length);
    if (found !== undefined) write([...rules, found]);
    else if (isNew) put(line, { sourceType: 'ATTRIBUTE', source: written(name), destination: fieldName(name) });
  }
  function retype(path: string, type: FieldType): void {
    set({ rules, fields: fields.map((one) => (one.path === path ? { ...one, type } : one)) });
  }
  function rekey(path: string, isKey: boolean): void {
    set({ rules, fields: fields.map((one) => (one.path === path && isKey ? { ...one, key: true } : without(one, 'key'))) });
  }
  function byName(): void {
    const next = isNew
      ? columns.reduce<readonly Rule[]>((made, column) => {
        if (made.some((rule) => rule.sourceType === 'ATTRIBUTE' && columnOf(rule.source) === column.name)) return made;
        const [found] = autoMap([column], made, fields).slice(made.length);
        return [...made, found ?? { sourceType: 'ATTRIBUTE', source: written(column.name), destination: place(fieldName(column.name)) }];
      }, rules)
      : autoMap(columns, rules, fields);
    if (next.length > rules.length) write(next);
    toast.info(t('autoMapped', { count: next.length - rules.length }));
  }
  async function validate(): Promise<void> {
    try {
      const result = await check(rules, rows, fields, schema);
      const wrong = [...result.faults.values()].filter((one) => one.rows === undefined).length;
      await client.invalidateQueries({ queryKey: ['check'] });
      if (wrong === 0) toast.done(t('valid'));
      else {
        toast.info(t('invalid', { count: wrong }));
        setShow('errors');
      }
    } catch (failure) {
      toast.failed(failure);
    }
  }
  function download(): void {
    const url = URL.createObjectURL(new Blob([toCsv(rules)], { type: 'text/csv' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = 'mapping.csv';
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
  function take(next: readonly Rule[]): void {
    write(next);
    toast.done(t('imported', { count: next.length }));
  }
  async function read(of: File): Promise<void> {
    try {
      take(fromCsv(await of.text(), (line) => t('csvWrong', { line })));
    } catch (failure) {
      toast.failed(failure);
    }
  }

  return (
    <div className={stack}>
      <div className={bar}>
        <div className={numbers} role="status">
          <span>{columns.length === 0 ? t('rules', { count: rules.length }) : t('mapped', { mapped: columns.filter(({ name }) => mappedColumns.has(name)).length, all: columns.length })}</span>
          <span>{t('required', { filled: required.filter((one) => filled.has(one.path)).length, all: required.length })}</span>
          <span>{t('keys', { count: key === undefined ? 0 : 1 })}</span>
          <span className={errors > 0 ? bad : undefined}>{t('errors', { count: errors })}</span>
          <span className={note}>{isFetching && t('checking')}</span>
        </div>
        <div className={buttons}>
          <ActionButton aria-label={t('undo')} isDisabled={!canUndo || isReadOnly} onPress={undo}><Undo /></ActionButton>
          <ActionButton aria-label={t('redo')} isDisabled={!canRedo || isReadOnly} onPress={redo}><Redo /></ActionButton>
          <MenuTrigger>
            <ActionButton isDisabled={isReadOnly}><Text>{t('import')}</Text></ActionButton>
            <Menu onAction={(what) => (what === 'csv' ? file.current?.click() : setImporting(true))}>
              <MenuItem id="flow">{t('importFlow')}</MenuItem>
              <MenuItem id="csv">{t('importCsv')}</MenuItem>
            </Menu>
          </MenuTrigger>
          <ActionButton isDisabled={rules.length === 0} onPress={download}>{t('download')}</ActionButton>
          <ActionButton isDisabled={isReadOnly} onPress={() => setEdited('new')}>{t('add')}</ActionButton>
          <ActionButton isDisabled={rules.length === 0} onPress={() => void validate()}>{t('validate')}</ActionButton>
          <Button variant="secondary" isDisabled={isReadOnly} onPress={byName}>{t('autoMap')}</Button>
        </div>
      </div>
      <div className={bar}>
        <SearchField label={t('filter')} value={filter} onChange={setFilter} />
        <Picker label={t('show')} value={show} onChange={(one) => setShow(one as Show)}>
          <PickerItem id="all">{t('all')}</PickerItem>
          <PickerItem id="required">{t('onlyRequired')}</PickerItem>
          <PickerItem id="unmapped">{t('onlyUnmapped')}</PickerItem>
          <PickerItem id="errors">{t('onlyErrors')}</PickerItem>
        </Picker>
        <span className={note} role="status">{t('rows', { count: shownLines.length })}</span>
      </div>
      {error !== null && <ErrorBox error={error} advice={t('checkFailed', { reason: asApiError(error).message })} onRetry={() => void refetch()} />}
      <Lines
        lines={shownLines} rows={rows} fields={fields} byPath={byPath} checked={checked} faults={faults} isNew={isNew} isReadOnly={isReadOnly}
        onTarget={(line, path) => put(line, { sourceType: line.rule?.sourceType ?? 'ATTRIBUTE', source: line.rule?.source ?? written(line.column?.name ?? ''), destination: path })}
        onToggle={toggle} onType={retype} onKey={rekey} onEdit={setEdited}
      />
      <p className={note}>{isReadOnly ? t('readOnly') : key === undefined ? (isNew ? t('append') : '') : t('upsert', { key: key.path })}</p>
      {/* A file is chosen by the menu above: the field itself has no look. */}
      <input ref={file} type="file" accept=".csv,text/csv" className={hidden} aria-label={t('importCsv')} tabIndex={-1}
        onChange={(event) => {
          const [chosen] = event.target.files ?? [];
          event.target.value = '';
          if (chosen !== undefined) void read(chosen);
        }} />
      {isImporting && <ImportDialog except={flow} onImport={take} onClose={() => setImporting(false)} />}
      {edited !== undefined && (
        <RuleDialog
          rule={ruleOf(edited)} columns={columns} rows={rows} fields={fields} schema={schema} allowsNewFields={isNew}
          onSave={(rule) => put(edited === 'new' ? { id: 'new' } : edited, rule)} onClose={() => setEdited(undefined)}
        />
      )}
    </div>
  );
}

function ruleOf(line: Line | 'new'): Rule {
  if (line === 'new') return { sourceType: 'EXPRESSION', source: '', destination: '' };
  return line.rule ?? { sourceType: 'ATTRIBUTE', source: line.column === undefined ? '' : written(line.column.name), destination: line.missing?.path ?? '' };
}
