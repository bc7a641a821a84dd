import ArrowDown from '@react-spectrum/s2/icons/SortDown';
import ArrowUp from '@react-spectrum/s2/icons/SortUp';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import { type FocusEvent, type KeyboardEvent, memo, type MouseEvent, type ReactNode, type RefObject, useEffect, useId, useImperativeHandle, useRef, useState } from 'react';
import { useGo } from '../app/go';
import { t } from '../messages/common';
import { A } from './A';
import type { ColumnOf, Selected } from './List';
import { verbatim } from './Verbatim';
import { useTurn } from './turn';

export const ROW = 40;
const MARK = 48;

const frame = style({ minWidth: 0 });
const box = style({
  position: 'relative', overflow: 'auto', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', borderRadius: 'default', font: 'ui', minWidth: 0,
});
const whole = style({ position: 'relative', minWidth: 'full' });
const head = style({
  position: 'sticky', top: 0, zIndex: 1, display: 'grid', backgroundColor: 'gray-75', borderWidth: 0, borderBottomWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', minWidth: 'full',
  boxSizing: 'border-box',
});
const title = style({
  display: 'flex', alignItems: 'center', justifyContent: { default: 'start', isEnd: 'end' }, minWidth: 0, paddingX: 12, font: 'ui', fontWeight: 'bold', whiteSpace: 'nowrap',
});
const sorter = style({
  display: 'flex', alignItems: 'center', columnGap: 4, minWidth: 24, minHeight: 24, padding: 0, borderStyle: 'none', backgroundColor: 'transparent', font: 'ui', fontWeight: 'bold', color: 'neutral',
  outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, borderRadius: 'sm', cursor: 'pointer',
});
const rowStyle = style({
  position: 'absolute', top: 0, insetStart: 0, display: 'grid', width: 'full', boxSizing: 'border-box', borderWidth: 0, borderBottomWidth: 1, borderStyle: 'solid', borderColor: 'gray-200',
  backgroundColor: { default: 'transparent', ':hover': 'gray-50', isSelected: 'gray-100' }, cursor: { default: 'default', isLink: 'pointer' },
  outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: -2,
});
const cellStyle = style({
  display: 'flex', alignItems: 'center', justifyContent: { default: 'start', isEnd: 'end' }, minWidth: 0, paddingX: 12, overflow: 'hidden',
});
const oneLine = style({ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', minWidth: 0 });
const twoLines = style({ font: 'ui-sm', overflow: 'hidden', maxHeight: 36, whiteSpace: 'normal', overflowWrap: 'anywhere', minWidth: 0 });
const link = style({ color: 'neutral', textDecoration: { default: 'none', ':hover': 'underline' }, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', minWidth: 0, outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineOffset: -2 });
const tick = style({ size: 20, margin: 0, cursor: 'pointer' });
const nothing = style({ padding: 16, color: 'neutral-subdued', font: 'ui' });
const mark = iconStyle({ size: 'XS' });

export interface Handle {
  /** Does what the key does in the table. */
  readonly press: (key: string) => void;
}

interface Props<T> {
  readonly label: string;
  readonly items: readonly T[];
  readonly id: (item: T) => string;
  readonly columns: readonly ColumnOf<T>[];
  readonly href: ((item: T) => string) | undefined;
  /** `-name` descends; empty: as they come. */
  readonly sort: string;
  readonly onSort: (sort: string) => void;
  readonly selected: Selected | undefined;
  readonly onSelect: (selected: Selected) => void;
  readonly height: number;
  readonly empty: string;
  readonly handle: RefObject<Handle | null>;
}

/**
 * An ARIA grid with one tab stop: arrows and Page keys, Home and End move between the rows; left and right reach the links and
 * buttons in a row; Enter opens, Space selects. Only the rows on screen, and the focused one, are in the document.
 */
export function Rows<T>({ label, items, id, columns, href, sort, onSort, selected, onSelect, height, empty, handle }: Props<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const before = useRef<HTMLSpanElement>(null);
  const after = useRef<HTMLSpanElement>(null);
  const [active, setActive] = useState<string>();
  const isByMouse = useRef(false);
  const isWithin = useRef(false);
  const go = useGo();
  const at = Math.max(0, active === undefined ? 0 : items.findIndex((item) => id(item) === active));
  const rows = useVirtualizer({
    count: items.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 6, scrollPaddingStart: ROW,
    initialRect: { width: 800, height }, getItemKey: (i) => (items[i] === undefined ? i : id(items[i])),
    rangeExtractor: (range) => [...new Set([...defaultRangeExtractor(range), ...(at < items.length ? [at] : [])])].sort((a, b) => a - b),
  });
  const template = [...(selected === undefined ? [] : [`${String(MARK)}px`]), ...columns.map(widthOf)].join(' ');
  const least = (selected === undefined ? 0 : MARK) + columns.reduce((sum, one) => sum + leastOf(one), 0);
  const rowAt = (index: number) => scroller.current?.querySelector<HTMLElement>(`[data-index="${String(index)}"]`);

  function focus(index: number): void {
    const to = Math.min(Math.max(index, 0), items.length - 1);
    const item = items[to];
    if (item === undefined) return;
    setActive(id(item));
    rows.scrollToIndex(to);
    // A row that comes into the document by this is there after the next paint.
    const there = rowAt(to);
    if (there) there.focus();
    else requestAnimationFrame(() => requestAnimationFrame(() => rowAt(to)?.focus()));
  }

  useEffect(() => {
    // The row that had the focus has gone, with the focus: the next one gets it.
    if (isWithin.current && document.activeElement === document.body) rowAt(Math.min(at, items.length - 1))?.focus();
  });

  function toggle(index: number): void {
    const item = items[index];
    if (item === undefined || selected === undefined) return;
    const next = new Set(selected);
    if (!next.delete(id(item))) next.add(id(item));
    onSelect(next);
  }

  function open(index: number): void {
    const item = items[index];
    if (item !== undefined && href !== undefined) go(href(item));
  }

  function press(key: string, event?: KeyboardEvent): boolean {
    const page = Math.max(1, Math.floor((height - ROW) / ROW) - 1);
    const isInHead = document.activeElement?.closest('[role=columnheader]') != null;
    const isInBody = focusedRow() !== null;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: isInHead || !isInBody ? at : at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: items.length - 1,
    };
    const to = moves[key];
    if (to !== undefined) {
      if (key === 'ArrowUp' && at === 0 && isInBody) scroller.current?.querySelector<HTMLElement>('[role=columnheader] button')?.focus();
      else {
        focus(to);
        if (event?.shiftKey === true && selected !== undefined) toggle(Math.min(Math.max(to, 0), items.length - 1));
      }
      return true;
    }
    if (key === 'ArrowRight' || key === 'ArrowLeft') return sideways(key === 'ArrowRight' ? 1 : -1);
    if (key === ' ' && selected !== undefined) {
      toggle(at);
      return true;
    }
    if (key === 'Enter') {
      open(at);
      return true;
    }
    if (key === 'Escape' && (selected?.size ?? 0) > 0) {
      onSelect(new Set());
      return true;
    }
    return false;
  }
  useImperativeHandle(handle, () => ({ press }));

  /** To the next or previous link or button of the row or of the head; in the direction of writing. */
  function sideways(step: 1 | -1): boolean {
    const line = document.activeElement?.closest<HTMLElement>('[role=row]');
    if (!line || !scroller.current?.contains(line)) return false;
    const isRtl = getComputedStyle(line).direction === 'rtl';
    const stops = [...(line.dataset.key === undefined ? [] : [line]), ...line.querySelectorAll<HTMLElement>('a[href], button, input')];
    const next = stops[stops.indexOf(document.activeElement as HTMLElement) + (isRtl ? -step : step)];
    next?.focus();
    return true;
  }

  function onKeyDown(event: KeyboardEvent<HTMLElement>): void {
    if (event.key === 'Tab') return leave(event.shiftKey);
    const target = event.target as HTMLElement;
    const isControl = target.closest('a, button, input') !== null;
    // A button or link in the row answers these itself.
    if (isControl && (event.key === 'Enter' || event.key === ' ')) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'a' && selected !== undefined) {
      event.preventDefault();
      return onSelect(new Set(items.map(id)));
    }
    if (press(event.key, event)) event.preventDefault();
  }

  /** The browser goes on from the edge of the table, past the links in its rows. */
  function leave(isBack: boolean): void {
    (isBack ? before : after).current?.focus({ preventScroll: true });
  }

  function onFocus(event: FocusEvent): void {
    const hasEntered = !event.currentTarget.contains(event.relatedTarget);
    isWithin.current = true;
    const target = event.target as HTMLElement;
    // Who tabs in comes to the row where they were, not to whichever link is first in the document.
    if (hasEntered && !isByMouse.current && target !== rowAt(at) && items.length > 0) return focus(at);
    const key = target.closest<HTMLElement>('[data-key]')?.dataset.key;
    if (key !== undefined) setActive(key);
  }

  const mouse = {
    onPointerDownCapture: () => { isByMouse.current = true; },
    onPointerUpCapture: () => { setTimeout(() => { isByMouse.current = false; }); },
  };
  const press1 = useRef({ toggle, open });
  useEffect(() => {
    press1.current = { toggle, open };
  });
  return (
    <div className={frame}>
      <span ref={before} tabIndex={-1} />
      {/* The rows have the focus, and hand the keys up. */}
      {/* eslint-disable-next-line jsx-a11y/interactive-supports-focus */}
      <div
        ref={scroller} role="grid" className={box} style={{ height }} aria-label={label} aria-rowcount={items.length + 1}
        aria-colcount={columns.length + (selected === undefined ? 0 : 1)} {...(selected !== undefined && { 'aria-multiselectable': true })}
        onKeyDown={onKeyDown} onFocus={onFocus} {...mouse}
        onBlur={(event) => { if (event.relatedTarget !== null) isWithin.current = event.currentTarget.contains(event.relatedTarget); }}
      >
        <div role="presentation" className={whole} style={{ height: ROW + Math.max(rows.getTotalSize(), items.length === 0 ? 2 * ROW : 0), minWidth: least }}>
          <div role="row" aria-rowindex={1} className={head} style={{ gridTemplateColumns: template, height: ROW }}>
            {selected !== undefined && (
              <div role="columnheader" className={title({ isEnd: false })}>
                <All selected={selected.size} of={items.length} onChange={(isOn) => onSelect(new Set(isOn ? items.map(id) : []))} />
              </div>
            )}
            {columns.map((one) => <Head key={one.id} column={one} sort={sort} onSort={onSort} />)}
          </div>
          {items.length === 0 && <div role="row" aria-rowindex={2}><div role="gridcell" aria-colspan={columns.length} className={nothing}>{empty}</div></div>}
          {rows.getVirtualItems().map(({ index, start, key }) => {
            const item = items[index];
            return item === undefined ? null : (
              <Line
                key={key} name={id(item)} item={item} index={index} top={ROW + start} template={template} columns={columns as readonly ColumnOf<unknown>[]}
                href={href?.(item)} isStop={index === at} isSelected={selected?.has(id(item))} does={press1}
              />
            );
          })}
        </div>
      </div>
      <span ref={after} tabIndex={-1} />
    </div>
  );
}

function widthOf<T>(column: ColumnOf<T>): string {
  const { width = '1fr' } = column;
  return typeof width === 'number' ? `${String(width)}px` : `minmax(${String(leastOf(column))}px, ${width})`;
}

function leastOf<T>({ width, minWidth = 96 }: ColumnOf<T>): number {
  return typeof width === 'number' ? width : minWidth;
}

/** The row that has the focus, or holds it; its `dataset.key` is the item's id. */
export function focusedRow(): HTMLElement | null {
  return document.activeElement?.closest<HTMLElement>('[role=row][data-key]') ?? null;
}

function All({ selected, of, onChange }: { readonly selected: number; readonly of: number; readonly onChange: (isOn: boolean) => void }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (field.current) field.current.indeterminate = selected > 0 && selected < of;
  }, [selected, of]);
  return (
    <input ref={field} type="checkbox" tabIndex={-1} className={tick} aria-label={t('selectAll')} checked={of > 0 && selected === of}
      onChange={(event) => onChange(event.target.checked)} />
  );
}

interface HeadProps<T> {
  readonly column: ColumnOf<T>;
  readonly sort: string;
  readonly onSort: (sort: string) => void;
}

function Head<T>({ column: { id, title: text, align, value }, sort, onSort }: HeadProps<T>) {
  const isUp = sort === id;
  const isDown = sort === `-${id}`;
  const isEnd = align === 'end';
  if (value === undefined) return <div role="columnheader" className={title({ isEnd })}><span className={oneLine}>{text}</span></div>;
  return (
    <div role="columnheader" aria-sort={isUp ? 'ascending' : isDown ? 'descending' : 'none'} className={title({ isEnd })}>
      <button type="button" tabIndex={-1} className={sorter} onClick={() => onSort(isUp ? `-${id}` : id)}>
        {text}
        {isUp && <ArrowUp styles={mark} aria-hidden />}
        {isDown && <ArrowDown styles={mark} aria-hidden />}
      </button>
    </div>
  );
}

interface LineProps {
  readonly name: string;
  readonly item: unknown;
  readonly index: number;
  readonly top: number;
  readonly template: string;
  readonly columns: readonly ColumnOf<unknown>[];
  readonly href: string | undefined;
  readonly isStop: boolean;
  readonly isSelected: boolean | undefined;
  readonly does: RefObject<{ readonly toggle: (index: number) => void; readonly open: (index: number) => void }>;
}

/** One row; drawn again only when something of it changes, so that scrolling stays cheap. */
const Line = memo(function Line({ name, item, index, top, template, columns, href, isStop, isSelected, does }: LineProps): ReactNode {
  const head = useId();
  // First only its name: the rest costs more, and comes row by row, between which the page can scroll on.
  const isWhole = useTurn();
  function onClick(event: MouseEvent): void {
    const isControl = (event.target as HTMLElement).closest('a, button, input, label, [role=menu], [role=dialog]') !== null;
    if (isControl || !event.currentTarget.contains(event.target as Node) || String(getSelection() ?? '') !== '') return;
    if (href !== undefined) does.current.open(index);
    else if (isSelected !== undefined) does.current.toggle(index);
  }
  return (
    // The table takes the keys of all its rows.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      role="row" data-key={name} data-index={index} aria-rowindex={index + 2} aria-labelledby={head} aria-busy={!isWhole} tabIndex={isStop ? 0 : -1}
      {...(isSelected !== undefined && { 'aria-selected': isSelected })}
      className={rowStyle({ isSelected: isSelected ?? false, isLink: href !== undefined })}
      style={{ height: ROW, gridTemplateColumns: template, transform: `translateY(${String(top)}px)` }} onClick={onClick}
    >
      {isSelected !== undefined && (
        <div role="gridcell" className={cellStyle({ isEnd: false })}>
          <input type="checkbox" tabIndex={-1} className={tick} aria-labelledby={head} checked={isSelected} onChange={() => does.current.toggle(index)} />
        </div>
      )}
      {columns.map((one, i) => {
        const content = i === 0 || isWhole ? one.cell(item) : null;
        const isEnd = one.align === 'end';
        if (i > 0) return <div key={one.id} role="gridcell" className={cellStyle({ isEnd })}><div className={one.isLong === true ? twoLines : oneLine}>{verbatim(content)}</div></div>;
        return (
          <div key={one.id} role="rowheader" id={head} className={cellStyle({ isEnd })}>
            {href === undefined ? <span className={oneLine}>{verbatim(content)}</span> : <A href={href} className={link}>{verbatim(content)}</A>}
          </div>
        );
      })}
    </div>
  );
});
