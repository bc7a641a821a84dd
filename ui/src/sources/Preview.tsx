import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useRef, useState } from 'react';
import { t as common } from '../messages/common';
import { t } from '../messages/sources';
import { type Sample, shown, valueAt } from './explore';

const box = style({
  overflow: 'auto', maxHeight: 440, borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', borderRadius: 'default',
  outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: 2, position: 'relative',
});
const inner = style({ position: 'relative' });
const cell = style({
  font: 'ui-sm', position: 'absolute', height: 32, paddingX: 8, boxSizing: 'border-box', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap',
  borderBottomWidth: 1, borderTopWidth: 0, borderXWidth: 0, borderStyle: 'solid', borderColor: 'gray-200', paddingTop: 8,
  backgroundColor: { default: 'base', isFirst: 'layer-1' }, fontWeight: { default: 'normal', isFirst: 'medium' },
  color: { default: 'neutral', isEmpty: 'neutral-subdued' },
  outlineStyle: { default: 'none', isCursor: 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: -2,
});
const head = style({
  font: 'ui-sm', fontWeight: 'bold', position: 'absolute', height: 44, paddingX: 8, paddingTop: 4, boxSizing: 'border-box', overflow: 'hidden',
  textOverflow: 'ellipsis', whiteSpace: 'nowrap', backgroundColor: 'layer-2', borderBottomWidth: 1, borderTopWidth: 0, borderXWidth: 0, borderStyle: 'solid', borderColor: 'gray-300',
});
const bar = style({ position: 'sticky', top: 0, zIndex: 2, height: 44 });
const type = style({ font: 'ui-xs', color: 'neutral-subdued', display: 'block' });
const facts = style({ font: 'ui-sm', color: 'neutral-subdued' });
const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 4, minWidth: 0 });
const HEAD = 44;
const ROW = 32;
const WIDTH = 148;

/** The first rows as a grid: only what is on screen is in the document, so that a thousand columns stay fluent. */
export function Preview({ sample, name }: { readonly sample: Sample; readonly name: string }) {
  const { columns, rows } = sample;
  const scroll = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState({ row: 0, column: 0 });
  const [isFocused, setFocused] = useState(false);
  const across = useVirtualizer({ horizontal: true, count: columns.length, getScrollElement: () => scroll.current, estimateSize: () => WIDTH, overscan: 4 });
  const down = useVirtualizer({ count: rows.length, getScrollElement: () => scroll.current, estimateSize: () => ROW, overscan: 8, scrollMargin: HEAD });
  const id = (row: number, column: number) => `cell-${String(row)}-${String(column)}`;

  function move(event: KeyboardEvent): void {
    const last = { row: rows.length - 1, column: columns.length - 1 };
    const { row, column } = cursor;
    const target = ({
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      PageDown: [row + 10, column], PageUp: [row - 10, column],
      Home: [event.ctrlKey ? 0 : row, 0], End: [event.ctrlKey ? last.row : row, last.column],
    } as Readonly<Record<string, readonly [number, number]>>)[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const next = { row: Math.min(last.row, Math.max(0, target[0])), column: Math.min(last.column, Math.max(0, target[1])) };
    setCursor(next);
    down.scrollToIndex(next.row);
    across.scrollToIndex(next.column);
  }

  const width = across.getTotalSize();
  const shownColumns = across.getVirtualItems();
  return (
    <div className={stack}>
      <div className={facts}>{rows.length === 0 ? t('noRows') : t('rowsColumns', { rows: rows.length, columns: columns.length })}</div>
      <div
        ref={scroll}
        className={box}
        role="grid"
        aria-label={t('preview', { name })}
        aria-rowcount={rows.length + 1}
        aria-colcount={columns.length}
        aria-readonly
        aria-activedescendant={isFocused && rows.length > 0 ? id(cursor.row, cursor.column) : undefined}
        tabIndex={0}
        onKeyDown={move}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
      >
        <div className={inner} style={{ height: HEAD + rows.length * ROW, width }} role="presentation">
          <div role="row" aria-rowindex={1} className={bar} style={{ width }}>
            {shownColumns.map(({ index, start }) => {
              const column = columns[index];
              return column === undefined ? null : (
                <div key={index} role="columnheader" aria-colindex={index + 1} className={head} style={{ insetInlineStart: start, width: WIDTH }} title={column.name}>
                  {column.name}
                  <span className={type}>{column.type}</span>
                </div>
              );
            })}
          </div>
          {down.getVirtualItems().map(({ index: at, start: top }) => (
            <div key={at} role="row" aria-rowindex={at + 2}>
              {shownColumns.map(({ index, start }) => {
                const column = columns[index];
                const text = column === undefined ? '' : shown(valueAt(rows[at], column.name));
                return (
                  <div
                    key={index}
                    id={id(at, index)}
                    role="gridcell"
                    aria-colindex={index + 1}
                    className={cell({ isFirst: index === 0, isEmpty: text === '', isCursor: isFocused && cursor.row === at && cursor.column === index })}
                    style={{ top, insetInlineStart: start, width: WIDTH }}
                    title={text}
                  >
                    {text === '' ? common('emptyValue') : text}
                  </div>
                );
              })}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
