import { Button, ButtonGroup, Checkbox, CheckboxGroup, Content, Dialog, Heading, Switch, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '../../api/client';
import { useSession } from '../../app/session';
import { ErrorBox } from '../../components/ErrorBox';
import { toast } from '../../components/toast';
import { t } from '../../messages/admin';
import { type Client, type PermissionSet, refreshAccess, type Role, ROLES, type Subject } from './api';
import { clientName } from './Clients';
import type { Whole } from './Roles';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 24 });
const wide = style({ width: 'full' });
const groups = style({ display: 'grid', gridTemplateColumns: { default: '1fr', md: ['1fr', '1fr'] }, gap: 16 });
const pair = style({ display: 'flex', flexWrap: 'wrap', gap: 16, alignItems: 'end' });

interface Props {
  readonly whole?: Whole;
  readonly sets: readonly PermissionSet[];
  readonly clients: readonly Client[];
  readonly onClose: () => void;
}

/** What a role gives, where, and to whom. Of the built-in one only the members can be changed. */
export function RoleDialog({ whole, sets, clients, onClose }: Props) {
  const { sandboxes } = useSession();
  const role = whole?.role;
  const isFixed = role?.roleType === 'system-defined';
  const before = whole?.members ?? [];
  const [name, setName] = useState(role?.name ?? '');
  const [description, setDescription] = useState(role?.description ?? '');
  const [permissions, setPermissions] = useState<readonly string[]>(role?.permissionSets ?? []);
  const [isEverywhere, setEverywhere] = useState(role?.sandboxes.includes('*') ?? false);
  const [places, setPlaces] = useState<readonly string[]>(role?.sandboxes.filter((one) => one !== '*') ?? []);
  const [members, setMembers] = useState<readonly string[]>(before.map(({ subjectId }) => subjectId));
  const [other, setOther] = useState('');
  const [isUser, setUser] = useState(false);
  const save = useMutation({
    mutationFn: async () => {
      const id = isFixed ? role.id : await saveRole(role, { name, description, permissionSets: permissions, sandboxes: isEverywhere ? ['*'] : places });
      const changes = changed(before, members, { id: other.trim(), isUser });
      if (changes.length > 0) await call(`${ROLES}/${id}/subjects`, { method: 'PATCH', body: changes });
    },
    onSuccess: () => {
      toast.done(t('roleSaved', { name }));
      onClose();
    },
    // One part may have been saved when the other was refused.
    onSettled: refreshAccess,
  });
  const categories = [...new Set(sets.map(({ category }) => category))];
  const known = [...clients.map((one) => ({ id: one.id, word: clientName(one) })), ...before.filter(({ subjectId }) => !clients.some(({ id }) => id === subjectId)).map(({ subjectId }) => ({ id: subjectId, word: subjectId }))];
  return (
    <Dialog size="L">
      <Heading slot="title">{role === undefined ? t('addRole') : t('roleTitle', { name: role.name })}</Heading>
      <Content>
        <div className={column}>
          {save.error !== null && <ErrorBox error={save.error} />}
          {!isFixed && (
            <>
              <TextField label={t('name')} value={name} onChange={setName} isRequired styles={wide} />
              <TextField label={t('clientDescription')} value={description} onChange={setDescription} styles={wide} />
              <div className={groups}>
                {categories.map((category) => {
                  const these = sets.filter((one) => one.category === category);
                  return (
                    <CheckboxGroup
                      key={category}
                      label={category}
                      value={permissions.filter((id) => these.some((one) => one.id === id))}
                      onChange={(now) => setPermissions([...permissions.filter((id) => !these.some((one) => one.id === id)), ...now])}
                    >
                      {these.map((one) => <Checkbox key={one.id} value={one.id}>{one.name}</Checkbox>)}
                    </CheckboxGroup>
                  );
                })}
              </div>
              <Switch isSelected={isEverywhere} onChange={setEverywhere}>{t('everySandbox')}</Switch>
              {!isEverywhere && (
                <CheckboxGroup label={t('inSandboxes')} value={[...places]} onChange={setPlaces}>
                  {[...new Set([...sandboxes.map((one) => one.name), ...places])].map((one) => <Checkbox key={one} value={one}>{one}</Checkbox>)}
                </CheckboxGroup>
              )}
            </>
          )}
          <CheckboxGroup label={t('members')} value={[...members]} onChange={setMembers}>
            {known.map(({ id, word }) => <Checkbox key={id} value={id}>{word}</Checkbox>)}
          </CheckboxGroup>
          <div className={pair}>
            <TextField label={t('otherMember')} description={t('otherMemberHelp')} value={other} onChange={setOther} styles={style({ width: 320, maxWidth: 'full' })} />
            <Checkbox isSelected={isUser} onChange={setUser}>{t('asUser')}</Checkbox>
          </div>
        </div>
      </Content>
      <ButtonGroup>
        <Button variant="secondary" onPress={onClose}>{t('cancel')}</Button>
        <Button variant="accent" isDisabled={name.trim() === '' && !isFixed} isPending={save.isPending} onPress={() => save.mutate()}>{t('save')}</Button>
      </ButtonGroup>
    </Dialog>
  );
}

type Values = { readonly name: string; readonly description: string; readonly permissionSets: readonly string[]; readonly sandboxes: readonly string[] };

async function saveRole(role: Role | undefined, values: Values): Promise<string> {
  const { id } = role === undefined
    ? await call<Role>(ROLES, { method: 'POST', body: { roleType: 'user-defined', ...values } })
    : await call<Role>(`${ROLES}/${role.id}`, { method: 'PUT', headers: { 'if-match': role.etag }, body: { roleType: 'user-defined', ...values } });
  return id;
}

/** The operations that make the members those that are wanted. */
function changed(before: readonly Subject[], now: readonly string[], other: { readonly id: string; readonly isUser: boolean }) {
  const gone = before.filter(({ subjectId }) => !now.includes(subjectId)).map(({ subjectType, subjectId }) => ({ op: 'remove', path: `/${subjectType}`, value: subjectId }));
  const added = now.filter((id) => !before.some(({ subjectId }) => subjectId === id)).map((id) => ({ op: 'add', path: '/apiIntegration', value: id }));
  return [...gone, ...added, ...(other.id === '' ? [] : [{ op: 'add', path: other.isUser ? '/user' : '/apiIntegration', value: other.id }])];
}
