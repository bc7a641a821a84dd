import { ActionMenu, Button, ButtonGroup, Content, Dialog, Heading, MenuItem, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '../../api/client';
import { may, useSession } from '../../app/session';
import { useConfirm } from '../../components/Confirm';
import { CopyAs } from '../../components/CopyAs';
import { Dialogs } from '../../components/Dialogs';
import { ErrorBox } from '../../components/ErrorBox';
import { type ColumnOf, List } from '../../components/List';
import { SecretDialog } from '../../components/SecretDialog';
import { toast } from '../../components/toast';
import { Time } from '../../components/Values';
import { t } from '../../messages/admin';
import { type Client, CLIENTS, type NewSecret, refreshAccess } from './api';
import { lastSeen } from './trail';

const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const head = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 8, alignItems: 'center', justifyContent: 'space-between' });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', gap: 8 });
const wide = style({ width: 'full' });

type Act = 'rotate' | 'editClient' | 'revoke';
type Shown = { readonly kind: 'edit'; readonly client?: Client } | { readonly kind: 'secret'; readonly name: string; readonly secret: string };

export function clientName({ name, id }: Pick<Client, 'id' | 'name'>): string {
  return name ?? `${t('unnamed')} (${id.slice(0, 8)})`;
}

/** Who can sign in; a secret is shown once, when it is made. */
export function Clients({ clients }: { readonly clients: readonly Client[] }) {
  const session = useSession();
  const rights = session.permissions.AccessControl ?? [];
  const canWrite = rights.includes('write');
  const canDelete = rights.includes('delete');
  const own = session.client.id;
  const [dialog, ask] = useConfirm();
  const [shown, show] = useState<Shown>();
  const seen = useQuery({ ...lastSeen(), enabled: may(session, 'AuditLog', 'read') }).data;
  const columns = useMemo(() => {
    function act(client: Client, what: Act): void {
      const name = clientName(client);
      switch (what) {
        case 'editClient': return show({ kind: 'edit', client });
        case 'rotate':
          return ask({
            title: t('rotateTitle', { name }), action: t('rotateAction'), isDestructive: true,
            consequence: <><span>{t('rotateText')}</span>{client.id === own && <strong>{t('rotateSelf')}</strong>}</>,
            onConfirm: async () => {
              const made = await call<NewSecret>(`${CLIENTS}/${client.id}/rotate`, { method: 'POST' });
              show({ kind: 'secret', name, secret: made.clientSecret });
              // Whoever has changed its own secret has no session to read anything with.
              if (client.id !== own) await refreshAccess();
            },
          });
        case 'revoke':
          return ask({
            title: t('revokeTitle', { name }), consequence: t('revokeText'), action: t('revokeAction'), isDestructive: true,
            onConfirm: async () => {
              await call(`${CLIENTS}/${client.id}`, { method: 'DELETE' });
              toast.done(t('revoked', { name }));
              await refreshAccess();
            },
          });
      }
    }
    return columnsOf({ own, seen, acts: (client) => [...(canWrite ? ['editClient', 'rotate'] as const : []), ...(canDelete && client.id !== own ? ['revoke'] as const : [])], act });
  }, [ask, own, seen, canWrite, canDelete]);
  return (
    <section className={section} aria-labelledby="clients">
      <div className={head}>
        <h2 id="clients" className={h2}>{t('clients')}</h2>
        <div className={bar}>
          <CopyAs call={{ method: 'GET', path: CLIENTS }} />
          {canWrite && <Button variant="accent" onPress={() => show({ kind: 'edit' })}>{t('addClient')}</Button>}
        </div>
      </div>
      <p className={text}>{t('clientsText')}</p>
      <List label={t('clients')} items={clients} id={({ id }) => id} columns={columns} text={({ id, name, description }) => `${id} ${name ?? ''} ${description ?? ''}`} />
      {dialog}
      <Dialogs onDismiss={() => show(undefined)}>
        {shown?.kind === 'secret' && (
          <SecretDialog
            title={t('secretTitle', { name: shown.name })} text={t('secretText')} label={t('secret')} secret={shown.secret} action={t('secretCopied')}
            onClose={() => show(undefined)}
          />
        )}
        {shown?.kind === 'edit' && (
          <Edit
            {...(shown.client !== undefined && { client: shown.client })}
            onClose={() => show(undefined)}
            onMade={(made) => show({ kind: 'secret', name: clientName(made), secret: made.clientSecret })}
          />
        )}
      </Dialogs>
    </section>
  );
}

interface ColumnsOf {
  readonly own: string;
  readonly seen: ReadonlyMap<string, number> | undefined;
  readonly acts: (client: Client) => readonly Act[];
  readonly act: (client: Client, what: Act) => void;
}

function columnsOf({ own, seen, acts, act }: ColumnsOf): readonly ColumnOf<Client>[] {
  return [
    { id: 'name', title: t('name'), minWidth: 176, value: clientName, cell: (client) => (client.id === own ? `${clientName(client)} · ${t('you')}` : clientName(client)) },
    {
      id: 'actions', title: t('actions'), width: 88, minWidth: 88,
      cell: (client) => acts(client).length > 0 && (
        <ActionMenu isQuiet aria-label={t('actionsOf', { name: clientName(client) })} onAction={(what) => act(client, what as Act)}>
          {acts(client).map((what) => <MenuItem key={what} id={what}>{t(what)}</MenuItem>)}
        </ActionMenu>
      ),
    },
    { id: 'description', title: t('clientDescription'), minWidth: 160, cell: ({ description }) => description ?? '–' },
    ...(seen === undefined ? [] : [{
      id: 'seen', title: t('lastSeen'), minWidth: 208, value: ({ id }: Client) => seen.get(id),
      cell: ({ id }: Client) => (seen.has(id) ? <Time at={seen.get(id)} isQuiet /> : t('never')),
    }]),
    { id: 'since', title: t('secretSince'), minWidth: 136, value: ({ secretSince }) => secretSince ?? undefined, cell: ({ secretSince }) => (secretSince === null ? t('secretFile') : <Time at={secretSince} isQuiet />) },
    { id: 'id', title: t('clientId'), minWidth: 288, value: ({ id }) => id, cell: ({ id }) => id },
    { id: 'created', title: t('created'), minWidth: 112, value: ({ createdAt }) => createdAt, cell: ({ createdAt }) => <Time at={createdAt} isQuiet /> },
  ];
}

interface EditProps {
  readonly client?: Client;
  readonly onClose: () => void;
  readonly onMade: (made: NewSecret) => void;
}

function Edit({ client, onClose, onMade }: EditProps) {
  const [name, setName] = useState(client?.name ?? '');
  const [description, setDescription] = useState(client?.description ?? '');
  const save = useMutation({
    mutationFn: () =>
      call<NewSecret>(client === undefined ? CLIENTS : `${CLIENTS}/${client.id}`, { method: client === undefined ? 'POST' : 'PATCH', body: { name, description } }),
    // A secret is kept nowhere but in the dialog that shows it.
    gcTime: 0,
    onSuccess: async (made) => {
      if (client === undefined) onMade(made);
      else {
        toast.done(t('renamed'));
        onClose();
      }
      await refreshAccess();
    },
  });
  return (
    <Dialog size="S">
      <Heading slot="title">{client === undefined ? t('newClientTitle') : t('renameTitle', { name: clientName(client) })}</Heading>
      <Content>
        <div className={section}>
          {save.error !== null && <ErrorBox error={save.error} />}
          <TextField label={t('clientName')} value={name} onChange={setName} isRequired styles={wide} />
          <TextField label={t('clientDescription')} value={description} onChange={setDescription} styles={wide} />
        </div>
      </Content>
      <ButtonGroup>
        <Button variant="secondary" onPress={onClose}>{t('cancel')}</Button>
        <Button variant="accent" isDisabled={name.trim() === ''} isPending={save.isPending} onPress={() => save.mutate()}>{client === undefined ? t('create') : t('save')}</Button>
      </ButtonGroup>
    </Dialog>
  );
}
