import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useParams } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { to } from '../../app/links';
import { may, useSession } from '../../app/session';
import { A } from '../../components/A';
import { Page } from '../../components/Page';
import { Empty, Skeleton } from '../../components/States';
import { t } from '../../messages/admin';

const Sandboxes = lazy(() => import('./Sandboxes'));
const Users = lazy(() => import('./Users'));
const Keys = lazy(() => import('./Keys'));
const Audit = lazy(() => import('./Audit'));
const Health = lazy(() => import('./Health'));
const Diagnostics = lazy(() => import('./Diagnostics'));

const nav = style({ display: 'flex', flexWrap: 'wrap', gap: 4, listStyleType: 'none', margin: 0, padding: 0, font: 'ui' });
const entry = style({
  display: 'flex', alignItems: 'center', minHeight: 32, paddingX: 12, borderRadius: 'default', textDecoration: 'none', color: 'neutral',
  fontWeight: { default: 'normal', isActive: 'bold' }, backgroundColor: { default: 'transparent', ':hover': 'gray-100', isActive: 'gray-200' },
});

interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: ReactNode;
  /** What is needed to see it, and the permission set that gives it. */
  readonly needs: readonly [resource: string, permission: string];
}

export default function AdminPage() {
  const { section } = useParams({ from: '/$sandbox/admin/$section' });
  const session = useSession();
  const all: readonly Section[] = [
    { id: 'sandboxes', title: t('sandboxes'), content: <Sandboxes />, needs: ['Sandbox', t('viewSandboxes')] },
    { id: 'users', title: t('users'), content: <Users />, needs: ['AccessControl', t('viewAccess')] },
    { id: 'keys', title: t('keys'), content: <Keys />, needs: ['AuditLog', t('viewAudit')] },
    { id: 'audit', title: t('audit'), content: <Audit />, needs: ['AuditLog', t('viewAudit')] },
    { id: 'health', title: t('health'), content: <Health />, needs: ['AuditLog', t('viewAudit')] },
    { id: 'diagnostics', title: t('diagnostics'), content: <Diagnostics />, needs: ['AuditLog', t('viewAudit')] },
  ];
  const shown = all.find(({ id }) => id === section) ?? all[0];
  if (shown === undefined) return null;
  const [resource, permission] = shown.needs;
  return (
    <Page title={`${t('title')}: ${shown.title}`}>
      <nav aria-label={t('sections')}>
        <ul className={nav}>
          {all.map(({ id, title }) => (
            <li key={id}><A href={to.admin(id)} className={entry({ isActive: id === shown.id })} {...(id === shown.id && { 'aria-current': 'page' as const })}>{title}</A></li>
          ))}
        </ul>
      </nav>
      {may(session, resource, 'read')
        ? <Suspense fallback={<Skeleton lines={6} />}>{shown.content}</Suspense>
        : <Empty title={t('denied')} text={t('deniedText', { permission })} />}
    </Page>
  );
}
