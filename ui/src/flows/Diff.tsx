import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { Change } from '../api/own';
import { Plain } from '../components/Plain';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/flow-parts';

const code = style({ font: 'code-sm', overflowWrap: 'anywhere' });

/** What changed, member by member. */
export function Diff({ changes, label }: { readonly changes: readonly Change[]; readonly label: string }) {
  if (changes.length === 0) return <span className={style({ font: 'ui' })}>{t('noDiff')}</span>;
  return (
    <Plain
      label={label}
      columns={[t('path'), t('before'), t('after')]}
      rows={changes.map(({ path, before, after }) => ({
        id: path,
        cells: [path, shown(before), shown(after)].map((text) => <span key={text} className={code}><Verbatim>{text}</Verbatim></span>),
      }))}
    />
  );
}

function shown(value: unknown): string {
  return value === undefined ? t('absent') : typeof value === 'string' ? value : JSON.stringify(value);
}

/** The members in which two documents differ, by their JSON pointers. */
export function difference(before: unknown, after: unknown, path = ''): readonly Change[] {
  if (Object.is(before, after) || JSON.stringify(before) === JSON.stringify(after)) return [];
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => difference(before[name], after[name], `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`));
  }
  return [{ path: path || '/', before, after }];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
