import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMemo } from 'react';
import { DataGrid } from '../components/DataGrid';
import { columnsOf, rowsOf } from '../components/nouns';
import { t } from '../messages/sources';
import { type Sample, valueAt } from './explore';

const facts = style({ font: 'ui-sm', color: 'neutral-subdued' });
const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 4, minWidth: 0 });

/** The first rows of a file or table; members of nested data are columns of their own. */
export function Preview({ sample: { columns, rows }, name }: { readonly sample: Sample; readonly name: string }) {
  const shown = useMemo(() => columns.map((one) => ({ id: one.name, title: one.name, type: one.type })), [columns]);
  const flat = useMemo(() => rows.map((row) => Object.fromEntries(columns.map((one) => [one.name, valueAt(row, one.name)]))), [columns, rows]);
  return (
    <div className={stack}>
      <div className={facts}>{rows.length === 0 ? t('noRows') : t('rowsColumns', { rows: rowsOf(rows.length), columns: columnsOf(columns.length) })}</div>
      {columns.length > 0 && <DataGrid label={t('preview', { name })} columns={shown} rows={flat} height={Math.min(400, 64 + Math.max(1, rows.length) * 32)} />}
    </div>
  );
}
