import { ActionMenu, Button, ButtonGroup, Content, Dialog, Heading, MenuItem, ProgressCircle, Radio, RadioGroup, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '../../api/client';
import { asApiError } from '../../api/errors';
import { useGo } from '../../app/go';
import { useSession } from '../../app/session';
import { useConfirm } from '../../components/Confirm';
import { CopyAs } from '../../components/CopyAs';
import { Dialogs } from '../../components/Dialogs';
import { ErrorBox } from '../../components/ErrorBox';
import { type ColumnOf, List } from '../../components/List';
import { Query } from '../../components/States';
import { Status } from '../../components/Status';
import { toast } from '../../components/toast';
import { Time } from '../../components/Values';
import { t } from '../../messages/admin';
import { refreshSandboxes, type Sandbox, SANDBOXES, sandboxes } from './api';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', gap: 8, alignItems: 'center', justifyContent: 'end' });
const text = style({ font: 'body', margin: 0 });
const busy = style({ display: 'flex', columnGap: 8, alignItems: 'center' });

type Act = 'open' | 'rename' | 'reset' | 'remove';
type Open = { readonly of?: Sandbox };
const words = {
  creating: () => t('creating'), active: () => t('active'), resetting: () => t('resetting'), deleting: () => t('deleting'), deleted: () => t('deleted'),
  failed: () => t('failed'),
} as const;
const isMoving = ({ state }: Sandbox) => ['creating', 'resetting', 'deleting'].includes(state);

export default function Sandboxes() {
  const { permissions } = useSession();
  const [dialog, ask] = useConfirm();
  const [open, setOpen] = useState<Open>();
  const go = useGo();
  // While one is being made or emptied, its progress is asked for.
  const query = useQuery({ ...sandboxes(), refetchInterval: ({ state }) => (state.data?.some(isMoving) ? 1500 : 15_000) });
  const canWrite = permissions.Sandbox?.includes('write') ?? false;
  const canDelete = permissions.Sandbox?.includes('delete') ?? false;
  const canReset = permissions.ResetSandbox?.includes('write') ?? false;
  const columns = useMemo(() => {
    function act(sandbox: Sandbox, what: Act): void {
      const { name } = sandbox;
      const path = `${SANDBOXES}/${encodeURIComponent(name)}`;
      const losing = (title: string, consequence: string, action: string, told: string, method: 'PUT' | 'DELETE') =>
        ask({
          title, consequence, action, isDestructive: true, typeName: name,
          onConfirm: async () => {
            await call(path, { method, ...(method === 'PUT' && { body: { action: 'reset' } }) });
            toast.done(told);
            await refreshSandboxes();
          },
        });
      switch (what) {
        case 'open': return go(`/${encodeURIComponent(name)}`);
        case 'rename': return setOpen({ of: sandbox });
        case 'reset': return losing(t('resetTitle', { name }), t('resetText'), t('resetAction'), t('resetStarted', { name }), 'PUT');
        case 'remove': return losing(t('removeTitle', { name }), t('removeText'), t('removeAction'), t('removeStarted', { name }), 'DELETE');
      }
    }
    const can = (sandbox: Sandbox): readonly Act[] =>
      sandbox.state !== 'active' ? [] : [
        'open', ...(canWrite ? ['rename' as const] : []), ...(canReset ? ['reset' as const] : []),
        ...(canDelete && !sandbox.isDefault ? ['remove' as const] : []),
      ];
    return columnsOf(can, act);
  }, [ask, go, canWrite, canReset, canDelete]);
  return (
    <div className={column}>
      <p className={text}>{t('sandboxText')}</p>
      <div className={bar}>
        <CopyAs call={{ method: 'GET', path: SANDBOXES, cli: 'forebay sandboxes list' }} />
        {canWrite && <Button variant="accent" onPress={() => setOpen({})}>{t('addSandbox')}</Button>}
      </div>
      <Query query={query}>
        {(items) => (
          <List label={t('sandboxes')} items={items.filter(({ state }) => state !== 'deleted')} id={({ name }) => name} columns={columns} text={({ name, title }) => `${name} ${title}`} />
        )}
      </Query>
      {dialog}
      <Dialogs onDismiss={() => setOpen(undefined)}>
        {open !== undefined && <Edit {...(open.of !== undefined && { sandbox: open.of })} onClose={() => setOpen(undefined)} />}
      </Dialogs>
    </div>
  );
}

function columnsOf(can: (sandbox: Sandbox) => readonly Act[], act: (sandbox: Sandbox, what: Act) => void): readonly ColumnOf<Sandbox>[] {
  return [
    { id: 'name', title: t('name'), minWidth: 144, value: ({ name }) => name, cell: ({ name, isDefault }) => (isDefault ? `${name} (${t('isDefault')})` : name) },
    {
      id: 'actions', title: t('actions'), width: 88, minWidth: 88,
      cell: (sandbox) => can(sandbox).length > 0 && (
        <ActionMenu isQuiet aria-label={t('actionsOf', { name: sandbox.name })} onAction={(what) => act(sandbox, what as Act)}>
          {can(sandbox).map((what) => <MenuItem key={what} id={what}>{t(what)}</MenuItem>)}
        </ActionMenu>
      ),
    },
    { id: 'title', title: t('titleOf'), minWidth: 160, value: ({ title }) => title, cell: ({ title }) => title },
    { id: 'type', title: t('type'), minWidth: 128, value: ({ type }) => type, cell: ({ type }) => (type === 'production' ? t('production') : t('development')) },
    { id: 'state', title: t('state'), minWidth: 160, value: ({ state }) => state, cell: (sandbox) => <State of={sandbox} /> },
    { id: 'created', title: t('created'), minWidth: 112, value: created, cell: (sandbox) => <Time at={created(sandbox)} isQuiet /> },
  ];
}

/** `2026-11-26 00:25:25`, in UTC. */
function created({ createdDate }: Sandbox): number {
  return Date.parse(`${createdDate.replace(' ', 'T')}Z`);
}

function State({ of }: { readonly of: Sandbox }) {
  if (isMoving(of)) return <span className={busy}><ProgressCircle isIndeterminate size="S" aria-label={words[of.state]()} />{words[of.state]()}</span>;
  return of.state === 'failed' ? <Status state="failed" /> : <Status state="active" />;
}

/** A new sandbox, or the title of one that is there. */
function Edit({ sandbox, onClose }: { readonly sandbox?: Sandbox; readonly onClose: () => void }) {
  const [name, setName] = useState(sandbox?.name ?? '');
  const [title, setTitle] = useState(sandbox?.title ?? '');
  const [type, setType] = useState('development');
  const save = useMutation({
    mutationFn: () =>
      sandbox === undefined
        ? call(SANDBOXES, { method: 'POST', body: { name, title: title || name, type } })
        : call(`${SANDBOXES}/${encodeURIComponent(name)}`, { method: 'PATCH', body: { title } }),
    onSuccess: async () => {
      toast.done(sandbox === undefined ? t('sandboxCreated', { name }) : t('renamed'));
      onClose();
      await refreshSandboxes();
    },
  });
  const place = save.error === null ? undefined : asApiError(save.error).place;
  return (
    <Dialog size="S">
      <Heading slot="title">{sandbox === undefined ? t('addSandbox') : t('renameTitle', { name })}</Heading>
      <Content>
        <div className={column}>
          {save.error !== null && <ErrorBox error={save.error} />}
          {sandbox === undefined && (
            <TextField label={t('sandboxName')} description={t('sandboxNameHelp')} value={name} onChange={setName} isRequired isInvalid={place === '/name'} styles={style({ width: 'full' })} />
          )}
          <TextField label={t('sandboxTitle')} value={title} onChange={setTitle} isInvalid={place === '/title'} styles={style({ width: 'full' })} />
          {sandbox === undefined && (
            <RadioGroup label={t('type')} value={type} onChange={setType}>
              <Radio value="development">{t('development')}</Radio>
              <Radio value="production">{t('production')}</Radio>
            </RadioGroup>
          )}
        </div>
      </Content>
      <ButtonGroup>
        <Button variant="secondary" onPress={onClose}>{t('cancel')}</Button>
        <Button variant="accent" isDisabled={name === ''} isPending={save.isPending} onPress={() => save.mutate()}>{sandbox === undefined ? t('create') : t('save')}</Button>
      </ButtonGroup>
    </Dialog>
  );
}
