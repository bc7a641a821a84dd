import { ActionButton, Checkbox, Menu, MenuItem, MenuTrigger, Picker, PickerItem } from '@react-spectrum/s2';
import Alert from '@react-spectrum/s2/icons/AlertTriangle';
import Edit from '@react-spectrum/s2/icons/Edit';
import More from '@react-spectrum/s2/icons/More';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { Verbatim } from '../components/Verbatim';
import { visible } from '../components/visible';
import { t } from '../messages/mapping';
import { type Row, shown, valueAt } from '../sources/explore';
import type { Checked, Fault } from './check';
import { columnOf, type FieldType, fieldTypes, type Line, type TargetField } from './model';
import { TargetDialog } from './TargetDialog';

const box = style({
  overflow: 'auto', maxHeight: 560, borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', borderRadius: 'default', position: 'relative',
});
const head = style({
  display: 'grid', position: 'sticky', top: 0, zIndex: 1, backgroundColor: 'layer-2', font: 'ui-sm', fontWeight: 'bold', height: 32, alignItems: 'center',
  gridTemplateColumns: ['40px', 'minmax(140px,1.4fr)', 'minmax(160px,1.6fr)', '120px', 'minmax(200px,2fr)', '80px'], minWidth: 780, columnGap: 8, paddingX: 8, boxSizing: 'border-box',
});
const line = style({
  display: 'grid', position: 'absolute', insetStart: 0, width: 'full', height: 48, alignItems: 'center', font: 'ui-sm', columnGap: 8, paddingX: 8, boxSizing: 'border-box',
  gridTemplateColumns: ['40px', 'minmax(140px,1.4fr)', 'minmax(160px,1.6fr)', '120px', 'minmax(200px,2fr)', '80px'], minWidth: 780,
  borderBottomWidth: 1, borderTopWidth: 0, borderXWidth: 0, borderStyle: 'solid', borderColor: 'gray-200', backgroundColor: { default: 'base', isMissing: 'layer-1' },
});
const text = style({ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', minWidth: 0 });
const quiet = style({ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', minWidth: 0, color: 'neutral-subdued' });
const result = style({ display: 'flex', flexDirection: 'column', minWidth: 0 });
const wrong = style({ display: 'flex', columnGap: 4, alignItems: 'center', color: 'negative', minWidth: 0 });
const acts = style({ display: 'flex', justifyContent: 'end' });
const code = style({ font: 'code-sm', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', minWidth: 0 });
const HEIGHT = 48;

interface Acts {
  readonly onTarget: (line: Line, path: string) => void;
  readonly onToggle: (line: Line, isOn: boolean) => void;
  readonly onType: (path: string, type: FieldType) => void;
  readonly onKey: (path: string, isKey: boolean) => void;
  readonly onEdit: (line: Line) => void;
}

interface Props extends Acts {
  readonly lines: readonly Line[];
  readonly rows: readonly Row[];
  readonly fields: readonly TargetField[];
  readonly byPath: ReadonlyMap<string, TargetField>;
  readonly checked: Checked | undefined;
  readonly faults: ReadonlyMap<number, Fault>;
  /** Whether the fields are made with the dataflow, so that their names and types can be changed. */
  readonly isNew: boolean;
  readonly isReadOnly: boolean;
}

/** The lines of the mapping, of which only those on screen are in the document. */
export function Lines({ lines, rows, fields, byPath, checked, faults, isNew, isReadOnly, onTarget, onToggle, onType, onKey, onEdit }: Props) {
  const latest = useRef({ onTarget, onToggle, onType, onKey, onEdit });
  useEffect(() => {
    latest.current = { onTarget, onToggle, onType, onKey, onEdit };
  });
  // The same functions at each rendering, so that only lines that have changed are rendered.
  const acts = useMemo((): Acts => ({
    onTarget: (...of) => latest.current.onTarget(...of),
    onToggle: (...of) => latest.current.onToggle(...of),
    onType: (...of) => latest.current.onType(...of),
    onKey: (...of) => latest.current.onKey(...of),
    onEdit: (...of) => latest.current.onEdit(...of),
  }), []);
  const scroll = useRef<HTMLDivElement>(null);
  const [picking, setPicking] = useState<Line>();
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroll.current, estimateSize: () => HEIGHT, overscan: 6 });
  const titles = ['', t('source'), t('target'), t('type'), `${t('sample')} → ${t('result')}`, ''];
  return (
    // The box scrolls in both directions, so it can be focused.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div ref={scroll} className={box} role="table" aria-label={t('title')} aria-rowcount={lines.length + 1} tabIndex={0}>
      <div role="rowgroup">
        <div role="row" aria-rowindex={1} className={head}>
          {titles.map((one, i) => <span key={i} role="columnheader" aria-label={one === '' ? t('actions') : undefined}>{one}</span>)}
        </div>
      </div>
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative', minWidth: 780 }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const one = lines[index];
          return one === undefined ? null : (
            <One
              key={one.id} line={one} index={index} top={start} row={rows[0]} field={byPath.get(one.rule?.destination ?? one.missing?.path ?? '')}
              fault={one.at === undefined ? undefined : faults.get(one.at)} tried={checked?.tried ?? 0} made={checked?.results[0] ?? undefined}
              isNew={isNew} isReadOnly={isReadOnly} onPick={setPicking} {...acts}
            />
          );
        })}
      </div>
      {picking !== undefined && (
        <TargetDialog name={nameOf(picking)} fields={fields} value={picking.rule?.destination ?? ''} allowsNewFields={isNew}
          onChoose={(path) => acts.onTarget(picking, path)} onClose={() => setPicking(undefined)} />
      )}
    </div>
  );
}

function nameOf(of: Line): string {
  return of.column?.name ?? of.rule?.source ?? of.missing?.path ?? '';
}

interface OneProps extends Acts {
  readonly line: Line;
  readonly index: number;
  readonly top: number;
  readonly row: Row | undefined;
  readonly field: TargetField | undefined;
  readonly fault: Fault | undefined;
  readonly tried: number;
  readonly made: Row | undefined;
  readonly isNew: boolean;
  readonly isReadOnly: boolean;
  readonly onPick: (line: Line) => void;
}

const One = memo(function One({ line: of, index, top, row, field, fault, tried, made, isNew, isReadOnly, onPick, onToggle, onType, onKey, onEdit }: OneProps) {
  const { rule, column, missing } = of;
  const name = nameOf(of);
  const isComputed = rule?.sourceType === 'EXPRESSION';
  const before = shown(column === undefined ? (rule === undefined ? undefined : valueAt(row, columnOf(rule.source))) : valueAt(row, column.name));
  const after = rule === undefined ? '' : shown(valueAt(made, rule.destination));
  const target = rule === undefined ? (missing?.path ?? t('notMapped')) : `${rule.destination}${field?.key === true ? ` (${t('key')})` : ''}${field?.required === true ? ` (${t('requiredMark')})` : ''}`;
  const problem = fault === undefined ? undefined : fault.rows === undefined ? fault.message : t('failing', { count: fault.rows, all: tried, message: fault.message });
  return (
    <div role="row" aria-rowindex={index + 2} className={line({ isMissing: missing !== undefined })} style={{ top }}>
      <span role="cell">
        {column !== undefined && (
          <Checkbox aria-label={t('include', { name })} isSelected={rule !== undefined} isDisabled={isReadOnly}
            onChange={(isOn) => { if (isOn && !isNew && rule === undefined) onPick(of); else onToggle(of, isOn); }} />
        )}
      </span>
      <span role="cell" className={isComputed ? code : text} title={visible(column?.title ?? name)}>
        <Verbatim>{isComputed ? `ƒ ${rule.source}` : missing !== undefined ? t('noSource') : name}</Verbatim>
      </span>
      <span role="cell" className={text}>
        <ActionButton isQuiet isDisabled={isReadOnly || missing !== undefined} aria-label={t('pick', { name, target })} onPress={() => onPick(of)}
          UNSAFE_style={{ maxWidth: '100%' }}>
          <span className={text}><Verbatim>{short(target)}</Verbatim></span>
        </ActionButton>
      </span>
      <span role="cell">
        {isNew && rule !== undefined && field !== undefined ? (
          <Picker size="S" aria-label={t('moreTypes', { name })} value={field.type} isQuiet isDisabled={isReadOnly} styles={style({ width: 120 })}
            onChange={(one) => onType(field.path, one as FieldType)}>
            {fieldTypes.map((one) => <PickerItem key={one} id={one}>{one}</PickerItem>)}
          </Picker>
        ) : field?.type ?? column?.type ?? ''}
      </span>
      <span role="cell" className={result}>
        {problem === undefined ? (
          <span className={rule === undefined ? quiet : text} title={visible(`${before} → ${after}`)}>
            {!isComputed && <Verbatim>{quoted(before)}</Verbatim>}{rule !== undefined && <> → <Verbatim>{quoted(after)}</Verbatim></>}
          </span>
        ) : (
          <>
            <span className={text}>{!isComputed && <Verbatim>{quoted(before)}</Verbatim>}</span>
            <span className={wrong} title={visible(problem)}><Alert styles={iconStyle({ size: 'XS', color: 'negative' })} aria-hidden /><span className={text}><Verbatim>{problem}</Verbatim></span></span>
          </>
        )}
      </span>
      <span role="cell" className={acts}>
        <ActionButton isQuiet size="S" isDisabled={isReadOnly} aria-label={missing === undefined ? t('edit', { name }) : t('editMissing', { name })} onPress={() => onEdit(of)}><Edit /></ActionButton>
        {rule !== undefined && (
          <MenuTrigger>
            <ActionButton isQuiet size="S" isDisabled={isReadOnly} aria-label={t('more', { name })}><More /></ActionButton>
            <Menu onAction={(what) => {
              if (what === 'remove') onToggle(of, false);
              else onKey(rule.destination, what === 'key');
            }}>
              {isNew && field?.key !== true && field !== undefined && <MenuItem id="key">{t('makeKey')}</MenuItem>}
              {isNew && field?.key === true && <MenuItem id="nokey">{t('dropKey')}</MenuItem>}
              <MenuItem id="remove">{t('remove', { name })}</MenuItem>
            </Menu>
          </MenuTrigger>
        )}
      </span>
    </div>
  );
}, same);

/** The lines are made anew with each change: what they say is what counts. */
function same({ line: a, ...before }: OneProps, { line: b, ...after }: OneProps): boolean {
  return (
    a.id === b.id && a.at === b.at && a.rule === b.rule && a.column === b.column && a.missing === b.missing &&
    (Object.keys(after) as (keyof typeof after)[]).every((name) => before[name] === after[name])
  );
}

function quoted(value: string): string {
  return value === '' ? t('empty') : value;
}

/** A path of the organization's own fields without its namespace. */
function short(path: string): string {
  return path.replace(/^_\w+\./, '');
}
