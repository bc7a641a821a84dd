import { ActionMenu, Button, MenuItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQueries } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '../../api/client';
import { useSession } from '../../app/session';
import { useConfirm } from '../../components/Confirm';
import { Dialogs } from '../../components/Dialogs';
import { type ColumnOf, List } from '../../components/List';
import { toast } from '../../components/toast';
import { t } from '../../messages/admin';
import { type Client, type PermissionSet, refreshAccess, type Role, ROLES, type Subject, subjects } from './api';
import { clientName } from './Clients';
import { RoleDialog } from './RoleDialog';

const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const head = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 8, alignItems: 'center', justifyContent: 'space-between' });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

interface Props {
  readonly roles: readonly Role[];
  readonly sets: readonly PermissionSet[];
  readonly clients: readonly Client[];
}

/** A role with its members. */
export interface Whole {
  readonly role: Role;
  readonly members: readonly Subject[];
}

type Act = 'editRole' | 'removeRole';

export function Roles({ roles, sets, clients }: Props) {
  const rights = useSession().permissions.AccessControl ?? [];
  const canWrite = rights.includes('write');
  const canDelete = rights.includes('delete');
  const [dialog, ask] = useConfirm();
  const [open, setOpen] = useState<{ readonly whole?: Whole }>();
  const answers = useQueries({ queries: roles.map(({ id }) => subjects(id)), combine: (all) => all.map(({ data }) => data) });
  const wholes = useMemo(() => roles.map((role, i): Whole => ({ role, members: answers[i] ?? [] })), [roles, answers]);
  const columns = useMemo(() => {
    function act(whole: Whole, what: Act): void {
      const { id, name, etag } = whole.role;
      if (what === 'editRole') return setOpen({ whole });
      ask({
        title: t('removeRoleTitle', { name }), consequence: t('removeRoleText'), action: t('removeRoleAction'), isDestructive: true,
        onConfirm: async () => {
          await call(`${ROLES}/${id}`, { method: 'DELETE', headers: { 'if-match': etag } });
          toast.done(t('roleRemoved', { name }));
          await refreshAccess();
        },
      });
    }
    const acts = ({ role }: Whole): readonly Act[] =>
      [...(canWrite ? ['editRole' as const] : []), ...(canDelete && role.roleType !== 'system-defined' ? ['removeRole' as const] : [])];
    return columnsOf(sets, clients, acts, act);
  }, [ask, sets, clients, canWrite, canDelete]);
  return (
    <section className={section} aria-labelledby="roles">
      <div className={head}>
        <h2 id="roles" className={h2}>{t('roles')}</h2>
        {canWrite && <Button variant="accent" onPress={() => setOpen({})}>{t('addRole')}</Button>}
      </div>
      <p className={text}>{t('rolesText')}</p>
      <List label={t('roles')} items={wholes} id={({ role }) => role.id} columns={columns} urlPrefix="roles" text={({ role }) => `${role.name} ${role.description ?? ''}`} />
      {dialog}
      <Dialogs onDismiss={() => setOpen(undefined)}>
        {open !== undefined && (
          <RoleDialog {...(open.whole !== undefined && { whole: open.whole })} sets={sets} clients={clients} onClose={() => setOpen(undefined)} />
        )}
      </Dialogs>
    </section>
  );
}

function columnsOf(
  sets: readonly PermissionSet[],
  clients: readonly Client[],
  acts: (whole: Whole) => readonly Act[],
  act: (whole: Whole, what: Act) => void,
): readonly ColumnOf<Whole>[] {
  const permissions = ({ role }: Whole) =>
    role.roleType === 'system-defined' ? t('builtIn') : sets.filter(({ id }) => role.permissionSets.includes(id)).map(({ name }) => name).join(', ');
  const places = ({ role }: Whole) => (role.sandboxes.includes('*') ? t('everySandbox') : role.sandboxes.join(', '));
  const members = ({ members: of }: Whole) =>
    of.map(({ subjectId }) => clients.find(({ id }) => id === subjectId)).map((one, i) => (one === undefined ? (of[i]?.subjectId ?? '') : clientName(one))).join(', ') || t('noMembers');
  const long = (of: (whole: Whole) => string) => (whole: Whole) => <span title={of(whole)}>{of(whole)}</span>;
  return [
    { id: 'name', title: t('name'), minWidth: 144, value: ({ role }) => role.name, cell: ({ role }) => role.name },
    {
      id: 'actions', title: t('actions'), width: 88, minWidth: 88,
      cell: (whole) => acts(whole).length > 0 && (
        <ActionMenu isQuiet aria-label={t('actionsOf', { name: whole.role.name })} onAction={(what) => act(whole, what as Act)}>
          {acts(whole).map((what) => <MenuItem key={what} id={what}>{t(what)}</MenuItem>)}
        </ActionMenu>
      ),
    },
    { id: 'members', title: t('members'), minWidth: 208, value: members, cell: long(members) },
    { id: 'places', title: t('inSandboxes'), minWidth: 176, value: places, cell: long(places) },
    { id: 'permissions', title: t('permissions'), minWidth: 288, cell: long(permissions) },
  ];
}
