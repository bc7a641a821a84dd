import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { ReactNode } from 'react';
import { verbatim } from './Verbatim';

const box = style({
  overflow: 'auto', maxWidth: 'full', outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2,
});
const table = style({ font: 'ui', borderSpacing: 0, width: 'full' });
const head = style({ textAlign: 'start', font: 'ui-sm', color: 'neutral-subdued', paddingEnd: 16, paddingY: 4, whiteSpace: 'nowrap' });
const cell = style({
  textAlign: 'start', verticalAlign: 'middle', paddingEnd: 16, paddingY: 8, borderWidth: 0, borderTopWidth: 1, borderStyle: 'solid', borderColor: 'gray-200',
  fontWeight: 'normal',
});

interface Props {
  readonly label: string;
  readonly columns: readonly string[];
  /** The first cell names the row. */
  readonly rows: readonly { readonly id: string; readonly cells: readonly ReactNode[] }[];
}

/** A short table to read; `List` is for what is long, sorted, filtered or opened. */
export function Plain({ label, columns, rows }: Props) {
  return (
    // It scrolls when it is wide, so the keyboard must reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={box} tabIndex={0} role="group" aria-label={label}>
      <table className={table}>
        <thead><tr>{columns.map((title) => <th key={title} scope="col" className={head}>{title}</th>)}</tr></thead>
        <tbody>
          {rows.map(({ id, cells: [first, ...rest] }) => (
            <tr key={id}>
              <th scope="row" className={cell}>{verbatim(first)}</th>
              {rest.map((one, i) => <td key={columns[i + 1]} className={cell}>{verbatim(one)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
