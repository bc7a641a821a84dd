import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { Link } from '@tanstack/react-router';
import type { ComponentProps } from 'react';
import { t } from '../messages/frame';
import { useSession } from './session';

const nav = style({
  display: { default: { default: 'none', isOpen: 'block' }, lg: 'block' }, flexShrink: 0, width: { default: 'auto', lg: 208 },
  paddingX: 8, paddingY: 16, boxSizing: 'border-box', font: 'ui',
});
const list = style({ listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', rowGap: 4 });
const entry = style({
  display: 'flex', alignItems: 'center', minHeight: 32, paddingStart: { default: 12, isNested: 28 }, paddingEnd: 12,
  borderRadius: 'default', textDecoration: 'none',
  color: 'neutral', fontWeight: { default: 'normal', isActive: 'bold' },
  backgroundColor: { default: 'transparent', ':hover': 'gray-100', isActive: 'gray-200' },
});
const section = style({ display: 'flex', alignItems: 'center', minHeight: 28, paddingX: 12, marginTop: 8, font: 'ui-sm', color: 'neutral-subdued' });

type To = ComponentProps<typeof Link>['to'];
interface Entry {
  readonly to: NonNullable<To>;
  readonly title: () => string;
  readonly nested?: boolean;
  readonly params?: Readonly<Record<string, string>>;
}

const before: readonly Entry[] = [{ to: '/$sandbox', title: () => t('home') }];
const sources: readonly Entry[] = [
  { to: '/$sandbox/sources', title: () => t('catalogue'), nested: true },
  { to: '/$sandbox/accounts', title: () => t('accounts'), nested: true },
  { to: '/$sandbox/flows', title: () => t('flows'), nested: true },
];
const after: readonly Entry[] = [
  { to: '/$sandbox/monitoring', title: () => t('monitoring') },
  { to: '/$sandbox/datasets', title: () => t('datasets') },
  { to: '/$sandbox/alerts', title: () => t('alerts') },
  { to: '/$sandbox/admin/$section', title: () => t('admin'), params: { section: 'sandboxes' } },
];
const first: Entry = { to: '/$sandbox/start', title: () => t('start') };

export function Nav({ isOpen }: { readonly isOpen: boolean }) {
  const { demo } = useSession();
  return (
    <nav id="navigation" aria-label={t('navigation')} className={nav({ isOpen })}>
      <ul className={list}>
        {before.map(item)}
        {demo && item(first)}
        <li>
          <span id="nav-sources" className={section}>{t('sources')}</span>
          <ul className={list} aria-labelledby="nav-sources">{sources.map(item)}</ul>
        </li>
        {after.map(item)}
      </ul>
    </nav>
  );
}

function item({ to, title, nested: isNested = false, params }: Entry) {
  return (
    <li key={to}>
      <Link
        to={to}
        params={(old: object) => ({ ...old, ...params })}
        activeOptions={{ exact: to === '/$sandbox', includeSearch: false }}
        activeProps={{ className: entry({ isNested, isActive: true }) }}
        inactiveProps={{ className: entry({ isNested, isActive: false }) }}
      >
        {title()}
      </Link>
    </li>
  );
}
