import { ActionBarContext, SearchField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { type ReactElement, type ReactNode, useDeferredValue, useMemo, useRef, useState } from 'react';
import { useUrl } from '../app/go';
import { settings } from '../app/settings';
import { useShortcut } from '../app/shortcuts';
import { useTyped } from '../app/typed';
import { t } from '../messages/common';
import { type Handle, ROW, Rows } from './Rows';

export { focusedRow } from './Rows';

export interface ColumnOf<T> {
  readonly id: string;
  readonly title: string;
  readonly cell: (item: T) => ReactNode;
  /** What the column is sorted by; a column without it is not sortable. */
  readonly value?: (item: T) => string | number | undefined;
  readonly align?: 'start' | 'end';
  /** Sentences: two small lines rather than one that is cut. */
  readonly isLong?: boolean;
  readonly width?: number | `${number}fr` | `${number}%`;
  readonly minWidth?: number;
}

/** The ids of the chosen rows; of all that are shown when all are chosen. */
export type Selected = ReadonlySet<string>;

interface Props<T> {
  readonly label: string;
  readonly items: readonly T[];
  readonly id: (item: T) => string;
  /** The first column names the row. */
  readonly columns: readonly ColumnOf<T>[];
  /** What the filter field looks in; without it there is no field. */
  readonly text?: (item: T) => string;
  /** Where a row leads (Enter, click). */
  readonly href?: (item: T) => string;
  /** Pickers and the like beside the filter field. */
  readonly controls?: ReactNode;
  /** With it, rows can be selected: an `ActionBar` for the selected ids. */
  readonly actionBar?: (selected: Selected) => ReactElement;
  /** Height of the table's box in px; by default what the rows need, at most 640. */
  readonly height?: number;
  /** Prefix of the URL's parameters, where a page has two lists. */
  readonly urlPrefix?: string;
}

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });
const number = style({ font: 'ui-sm', color: 'neutral-subdued', marginStart: 'auto' });
const none: Selected = new Set();

/**
 * A table of up to thousands of rows, of which only those on screen are in the document. The filter (`?q=`) and the
 * sorted column (`?sort=-name`) are in the URL; j and k move, Enter opens, x selects.
 */
export function List<T>({ label, items, id, columns, text, href, controls, actionBar, height, urlPrefix = '' }: Props<T>) {
  const [url, setUrl] = useUrl();
  const table = useRef<Handle>(null);
  const [chosen, setSelected] = useState(none);
  const kept = String(url[`${urlPrefix}q`] ?? '');
  const [query, filter] = useTyped(kept, (value) => setUrl({ [`${urlPrefix}q`]: value === '' ? undefined : value }));
  const sort = String(url[`${urlPrefix}sort`] ?? '');
  const late = useDeferredValue(query);
  const shown = useMemo(() => arrange(items, columns, sort, late, text), [items, columns, sort, late, text]);
  // What the filter hides is not chosen: nobody should act on what is not seen.
  const selected = useMemo(() => (chosen.size === 0 ? none : new Set(shown.map(id).filter((one) => chosen.has(one)))), [chosen, shown, id]);
  const press = (key: string) => () => table.current?.press(key);
  useShortcut('j', t('nextRow'), press('ArrowDown'));
  useShortcut('k', t('previousRow'), press('ArrowUp'));
  useShortcut('x', t('select'), press(' '), actionBar !== undefined);

  return (
    <div className={column}>
      <div className={bar}>
        {text !== undefined && <SearchField label={t('filter')} value={query} onChange={filter} />}
        {controls}
        <span role="status" className={number}>
          {shown.length === items.length ? t('shown', { count: items.length }) : t('shownOf', { shown: shown.length, count: items.length })}
        </span>
      </div>
      <Rows
        label={label}
        items={shown}
        id={id}
        columns={columns}
        href={href}
        sort={sort}
        onSort={(by) => setUrl({ [`${urlPrefix}sort`]: by })}
        selected={actionBar === undefined ? undefined : selected}
        onSelect={setSelected}
        height={height ?? Math.min(640, Math.max(3, shown.length) * ROW + ROW + 18)}
        empty={t('nothingMatches', { query })}
        handle={table}
      />
      {actionBar !== undefined && (
        <ActionBarContext.Provider value={{ selectedItemCount: selected.size, onClearSelection: () => setSelected(new Set()) }}>
          {actionBar(selected)}
        </ActionBarContext.Provider>
      )}
    </div>
  );
}

function arrange<T>(
  items: readonly T[],
  columns: readonly ColumnOf<T>[],
  sort: string,
  query: string,
  text?: (item: T) => string,
): readonly T[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const kept =
    text === undefined || words.length === 0
      ? items
      : items.filter((item) => {
          const whole = text(item).toLowerCase();
          return words.every((word) => whole.includes(word));
        });
  const value = columns.find((one) => one.id === sort.replace(/^-/, ''))?.value;
  if (value === undefined) return kept;
  const sign = sort.startsWith('-') ? -1 : 1;
  const collator = new Intl.Collator(settings.get().locale, { numeric: true });
  return [...kept].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    // What has no value comes last whichever way is sorted.
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return sign * (typeof x === 'number' && typeof y === 'number' ? x - y : collator.compare(String(x), String(y)));
  });
}
