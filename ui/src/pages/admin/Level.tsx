import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { System } from '../../api/own';
import { t } from '../../messages/admin';

export type Check = System['checks'][number];

const line = style({ whiteSpace: 'nowrap', fontWeight: 'bold', color: { default: 'green-1000', tone: { warn: 'orange-1000', error: 'negative' } } });
const marks = { ok: '✔', warn: '▲', error: '✖' } as const;
const words = { ok: () => t('ok'), warn: () => t('warn'), error: () => t('error') } as const;

/** The result of a check: mark, word and colour. */
export function Level({ of }: { readonly of: Check['level'] }) {
  return <span className={line({ tone: of as 'warn' })}><span aria-hidden>{marks[of]}</span> {words[of]()}</span>;
}

const names: Readonly<Record<string, () => string>> = {
  scheduler: () => t('scheduler'), workers: () => t('workers'), queue: () => t('queue'), database: () => t('database'), disk: () => t('disk'),
  clock: () => t('clock'), lake: () => t('lake'), webhooks: () => t('webhooks'), key: () => t('key'),
};

export function checkName(name: string): string {
  return names[name]?.() ?? name;
}
