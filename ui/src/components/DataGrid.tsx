import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { t } from '../messages/common';
import { Verbatim } from './Verbatim';
import { visible } from './visible';

export interface GridColumn {
  readonly id: string;
  readonly title: string;
  /** Shown under the title: `string`, `decimal`. */
  readonly type?: string;
  readonly width?: number;
}

type RowOf = Readonly<Record<string, unknown>>;

interface Props {
  readonly label: string;
  readonly columns: readonly GridColumn[];
  readonly rows: readonly RowOf[];
  readonly height?: number;
  /** In place of the plain value, for marks such as "not a number". */
  readonly cell?: (value: unknown, row: RowOf, column: GridColumn) => ReactNode;
}

const ROW = 32;
const HEAD = 44;
const WIDTH = 160;

const box = style({
  position: 'relative', overflow: 'auto', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', borderRadius: 'default', font: 'ui-sm',
  outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: -2,
});
const whole = style({ position: 'relative' });
const header = style({ position: 'sticky', top: 0, zIndex: 1, backgroundColor: 'gray-100' });
const cellStyle = style({
  position: 'absolute', top: 0, height: 'full', boxSizing: 'border-box', paddingX: 8, display: 'flex', flexDirection: 'column', justifyContent: 'center',
  overflow: 'hidden', borderWidth: 0, borderBottomWidth: 1, borderStyle: 'solid', borderColor: 'gray-200',
  outlineStyle: { default: 'none', isActive: 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: -2,
});
const oneLine = style({ whiteSpace: 'pre', overflow: 'hidden', textOverflow: 'ellipsis' });
const strong = style({ fontWeight: 'bold', whiteSpace: 'pre', overflow: 'hidden', textOverflow: 'ellipsis' });
const quiet = style({ color: 'neutral-subdued', whiteSpace: 'pre', overflow: 'hidden', textOverflow: 'ellipsis' });

/** Sample rows as they are: hundreds of columns and rows, of which only those on screen are in the document. */
export function DataGrid({ label, columns, rows, height = 400, cell }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const id = useId();
  const [isFocused, setFocused] = useState(false);
  const [[row, column], setActive] = useState<readonly [number, number]>([0, 0]);
  const vertical = useVirtualizer({
    count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 6, scrollPaddingStart: HEAD,
    initialRect: { width: 800, height },
  });
  const horizontal = useVirtualizer({
    horizontal: true, count: columns.length, getScrollElement: () => scroller.current, estimateSize: (i) => columns[i]?.width ?? WIDTH, overscan: 2,
    initialRect: { width: 800, height },
  });
  useEffect(() => {
    horizontal.measure();
  }, [columns, horizontal]);
  const shown = horizontal.getVirtualItems();

  function onKeyDown(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor((height - HEAD) / ROW) - 1);
    const all = event.ctrlKey || event.metaKey;
    const [lastRow, lastColumn] = [rows.length - 1, columns.length - 1];
    const to: Readonly<Record<string, readonly [number, number]>> = {
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column],
      ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      PageDown: [row + page, column], PageUp: [row - page, column],
      Home: [all ? 0 : row, 0], End: [all ? lastRow : row, lastColumn],
    };
    const next = to[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const r = Math.min(Math.max(next[0], -1), lastRow);
    const c = Math.min(Math.max(next[1], 0), lastColumn);
    setActive([r, c]);
    if (r >= 0) vertical.scrollToIndex(r);
    horizontal.scrollToIndex(c);
  }

  const place = (index: number, start: number, size: number, r: number) => ({
    id: `${id}-${String(r)}-${String(index)}`,
    'aria-colindex': index + 1,
    className: cellStyle({ isActive: isFocused && r === row && index === column }),
    style: { insetInlineStart: start, width: size },
  });
  const active = columns[column];
  return (
    <div
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label={`${label}. ${t('gridHelp')}`}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={active === undefined ? undefined : `${id}-${String(row)}-${String(column)}`}
      className={box}
      style={{ height: Math.min(height, HEAD + rows.length * ROW + 18) }}
      onKeyDown={onKeyDown}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      <div role="presentation" className={whole} style={{ width: horizontal.getTotalSize(), height: HEAD + vertical.getTotalSize() }}>
        <div role="row" aria-rowindex={1} className={header} style={{ height: HEAD }}>
          {shown.map(({ index, start, size }) => {
            const one = columns[index];
            return one === undefined ? null : (
              <div key={one.id} role="columnheader" {...place(index, start, size, -1)} title={visible(one.title)}>
                <span className={strong}><Verbatim>{one.title}</Verbatim></span>
                {one.type !== undefined && <span className={quiet}>{one.type}</span>}
              </div>
            );
          })}
        </div>
        {vertical.getVirtualItems().map(({ index: r, start: top }) => {
          const values = rows[r];
          return values === undefined ? null : (
            <div key={r} role="row" aria-rowindex={r + 2} style={{ position: 'absolute', top: HEAD + top, height: ROW, width: '100%' }}>
              {shown.map(({ index, start, size }) => {
                const one = columns[index];
                if (one === undefined) return null;
                const value = values[one.id];
                return (
                  // The grid has the one tab stop and all the keys; the mouse only marks the cell.
                  // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
                  <div key={one.id} role="gridcell" {...place(index, start, size, r)} title={visible(plain(value))} onClick={() => setActive([r, index])}>
                    {cell?.(value, values, one) ?? <Value of={value} />}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Value({ of }: { readonly of: unknown }) {
  return of === null || of === undefined
    ? <span className={quiet}>{t('emptyValue')}</span>
    : <span className={oneLine}><Verbatim>{plain(of)}</Verbatim></span>;
}

function plain(value: unknown): string {
  return value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}
