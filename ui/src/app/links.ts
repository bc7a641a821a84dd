import { defaultStringifySearch } from '@tanstack/react-router';
import { caller } from '../api/context';

export type SearchValues = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export const BASE = '/ui';

function at(path: string, search: SearchValues = {}): string {
  return `/${encodeURIComponent(caller.get().sandbox ?? 'prod')}${path}${defaultStringifySearch(search)}`;
}

function one(kind: string) {
  return (id: string, search?: SearchValues) => at(`/${kind}/${encodeURIComponent(id)}`, search);
}

/**
 * Where things are, in the sandbox that is shown: for `href` of any Spectrum component and for `go`.
 * `to.flow(id, { tab: 'runs' })`.
 */
export const to = {
  home: (search?: SearchValues) => at('', search),
  start: () => at('/start'),
  sources: (search?: SearchValues) => at('/sources', search),
  accounts: (search?: SearchValues) => at('/accounts', search),
  account: one('accounts'),
  flows: (search?: SearchValues) => at('/flows', search),
  newFlow: (search?: SearchValues) => at('/flows/new', search),
  flow: one('flows'),
  run: one('runs'),
  datasets: (search?: SearchValues) => at('/datasets', search),
  dataset: one('datasets'),
  monitoring: (search?: SearchValues) => at('/monitoring', search),
  alerts: (search?: SearchValues) => at('/alerts', search),
  admin: one('admin'),
} as const;

/** Whether a link leaves this application, though not the server: documentation, downloads. */
export function leaves(href: string): boolean {
  return /^([a-z]+:|#|\/(docs|data|metrics|ims)(\/|$))/.test(href);
}
