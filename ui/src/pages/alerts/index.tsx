import { ActionMenu, Button, Disclosure, DisclosurePanel, DisclosureTitle, Link, MenuItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useLive } from '../../api/live';
import { useUrl } from '../../app/go';
import { to } from '../../app/links';
import { may, useSession } from '../../app/session';
import { useConfirm } from '../../components/Confirm';
import { CopyAs } from '../../components/CopyAs';
import { Dialogs } from '../../components/Dialogs';
import { type ColumnOf, List } from '../../components/List';
import { Page } from '../../components/Page';
import { Source } from '../../components/Source';
import { Query } from '../../components/States';
import { Status, stateWord } from '../../components/Status';
import { toast } from '../../components/toast';
import { Verbatim } from '../../components/Verbatim';
import { visible } from '../../components/visible';
import { Pending } from '../../components/Pending';
import { t } from '../../messages/alerts';
import { History } from './History';
import { FAILURE, hears, removeWebhook, setMuted, SUCCESS, testWebhook, type Webhook, WEBHOOKS, webhooks } from './webhooks';

const Create = lazy(() => import('./Create'));
const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const text = style({ font: 'body', margin: 0, maxWidth: 900 });

const SIGNING = `import base64, hashlib, hmac

def is_ours(secret: str, headers: dict, body: bytes) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
    ours = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(ours, one.removeprefix("v1,")) for one in headers["webhook-signature"].split())
`;

export default function AlertsPage() {
  useLive(['webhook']);
  const canWrite = may(useSession(), 'EnterpriseSource', 'write');
  const [isCreating, setCreating] = useState(false);
  const query = useQuery(webhooks());
  const add = canWrite && <Button variant="accent" onPress={() => setCreating(true)}>{t('add')}</Button>;
  return (
    <Page title={t('title')} actions={<><CopyAs call={{ method: 'GET', path: WEBHOOKS }} />{add}</>}>
      <p className={text}>{t('text')}</p>
      {!canWrite && <p className={text}>{t('denied')}</p>}
      <Query
        query={query}
        isEmpty={(items) => items.length === 0}
        empty={{ title: t('emptyTitle'), text: t('emptyText'), action: add, link: <Link href="/docs/webhooks.html">{t('emptyLink')}</Link> }}
      >
        {(items) => <Table webhooks={items} canWrite={canWrite} />}
      </Query>
      <Disclosure isQuiet>
        <DisclosureTitle>{t('signing')}</DisclosureTitle>
        <DisclosurePanel>
          <div className={column}>
            <p className={text}>{t('signingText')}</p>
            <p className={text}>{t('signingRetry')}</p>
            <Source label={t('signingExample')}>{SIGNING}</Source>
          </div>
        </DisclosurePanel>
      </Disclosure>
      <Suspense fallback={<Pending />}>
        <Dialogs onDismiss={() => setCreating(false)}>{isCreating && <Create />}</Dialogs>
      </Suspense>
    </Page>
  );
}

export function nameOf({ id, name }: Webhook): string {
  return name ?? t('unnamed', { id: id.slice(0, 8) });
}

type Act = 'test' | 'mute' | 'unmute' | 'remove' | 'history';

function Table({ webhooks: items, canWrite }: { readonly webhooks: readonly Webhook[]; readonly canWrite: boolean }) {
  const [url, setUrl] = useUrl();
  const [dialog, ask] = useConfirm();
  const shown = items.find(({ id }) => id === url.webhook);
  function act(webhook: Webhook, what: Act): void {
    const name = nameOf(webhook);
    switch (what) {
      case 'history': return setUrl({ webhook: webhook.id });
      case 'test': return void test(webhook).then(() => setUrl({ webhook: webhook.id }));
      case 'unmute': return void setMuted(webhook, false).then(() => toast.done(t('unmuted', { name })), toast.failed);
      case 'mute':
        return ask({
          title: t('muteTitle', { name }), consequence: t('muteText'), action: stateWord('disabled'),
          onConfirm: async () => {
            await setMuted(webhook, true);
            toast.done(t('muted', { name }));
          },
        });
      case 'remove':
        return ask({
          title: t('removeTitle', { name }), consequence: t('removeText'), action: t('removeAction'), isDestructive: true,
          onConfirm: async () => {
            await removeWebhook(webhook);
            if (url.webhook === webhook.id) setUrl({ webhook: undefined });
            toast.done(t('removed', { name }));
          },
        });
    }
  }
  return (
    <div className={column}>
      <List
        label={t('title')}
        items={items}
        id={({ id }) => id}
        columns={useColumns(canWrite, act)}
        text={(webhook) => `${nameOf(webhook)} ${webhook.url}`}
        href={({ id }) => to.alerts({ ...url, webhook: id })}
      />
      {shown !== undefined && <History webhook={shown} name={nameOf(shown)} onClose={() => setUrl({ webhook: undefined })} />}
      {dialog}
    </div>
  );
}

function useColumns(canWrite: boolean, act: (webhook: Webhook, what: Act) => void): readonly ColumnOf<Webhook>[] {
  return useMemo(() => [
    { id: 'name', title: t('name'), minWidth: 160, value: nameOf, cell: nameOf },
    {
      id: 'actions', title: t('actions'), width: 88, minWidth: 88,
      cell: (webhook) => (
        <ActionMenu isQuiet aria-label={t('actionsOf', { name: nameOf(webhook) })} onAction={(what) => act(webhook, what as Act)}>
          <MenuItem id="history">{t('show')}</MenuItem>
          {canWrite && webhook.state === 'enabled' && <MenuItem id="test">{t('test')}</MenuItem>}
          {canWrite && (webhook.state === 'enabled' ? <MenuItem id="mute">{t('mute')}</MenuItem> : <MenuItem id="unmute">{t('unmute')}</MenuItem>)}
          {canWrite && <MenuItem id="remove">{t('remove')}</MenuItem>}
        </ActionMenu>
      ),
    },
    { id: 'state', title: t('state'), minWidth: 112, value: ({ state }) => state, cell: ({ state }) => <Status state={state} /> },
    { id: 'events', title: t('events'), minWidth: 208, cell: (webhook) => eventWords(webhook) },
    { id: 'flows', title: t('chosenFlows'), minWidth: 128, cell: ({ flowIds }) => (flowIds === undefined || flowIds.length === 0 ? t('allFlows') : String(flowIds.length)) },
    { id: 'url', title: t('url'), minWidth: 256, isLong: true, value: ({ url }) => url, cell: ({ url }) => <span title={visible(url)}><Verbatim>{url}</Verbatim></span> },
  ], [canWrite, act]);
}

function eventWords(webhook: Webhook): string {
  return [hears(webhook, SUCCESS) && t('success'), hears(webhook, FAILURE) && t('failure')].filter(Boolean).join(', ');
}

async function test(webhook: Webhook): Promise<void> {
  const name = nameOf(webhook);
  toast.info(t('testing', { name }));
  try {
    const tried = await testWebhook(webhook.id);
    if (tried === undefined) toast.info(t('testSlow', { name }));
    else if (tried.status !== undefined && tried.status < 300) toast.done(t('testOk', { name, status: String(tried.status), ms: tried.millis }));
    else toast.failed(new Error(t('testBad', { name, reason: tried.error?.message ?? t('answered', { status: String(tried.status) }) })));
  } catch (error) {
    toast.failed(error);
  }
}
