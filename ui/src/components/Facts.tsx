import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { ReactNode } from 'react';
import { verbatim } from './Verbatim';

const list = style({ display: 'flex', flexWrap: 'wrap', columnGap: 32, rowGap: 12, margin: 0, font: 'ui' });
const pair = style({ minWidth: 0, maxWidth: 'full' });
const name = style({ font: 'ui-sm', color: 'neutral-subdued' });
const value = style({ margin: 0, overflowWrap: 'anywhere' });

/** Names and values of one thing; what is undefined is left out. */
export function Facts({ of }: { readonly of: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className={list}>
      {of.filter(([, one]) => one !== undefined).map(([title, one]) => (
        <div key={title} className={pair}><dt className={name}>{title}</dt><dd className={value}>{verbatim(one)}</dd></div>
      ))}
    </dl>
  );
}
