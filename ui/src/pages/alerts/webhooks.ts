import { queryOptions } from '@tanstack/react-query';
import { call } from '../../api/client';
import { keyOf, queryClient } from '../../api/query';

export const WEBHOOKS = '/data/foundation/forebay/webhooks';
export const SUCCESS = 'sources_flow_run_success';
export const FAILURE = 'sources_flow_run_failure';
const FAILED = 'sources_flow_run_failed';

export interface Webhook {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly url: string;
  /** All, if absent. */
  readonly events?: readonly string[];
  /** Of every flow, if absent. */
  readonly flowIds?: readonly string[];
  readonly state: 'enabled' | 'disabled';
  readonly createdAt: number;
  readonly etag: string;
}

export interface Delivery {
  readonly id: string;
  readonly createdAt: number;
  readonly event: string;
  readonly flowId: string | null;
  readonly runId: string | null;
  readonly state: 'pending' | 'delivered' | 'failed';
  readonly nextAttemptAt?: number;
  readonly attempts: readonly { readonly at: number; readonly millis: number; readonly status?: number; readonly error?: { readonly code: string; readonly message: string } }[];
}

export interface NewWebhook {
  readonly name?: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly flowIds?: readonly string[];
  readonly secret?: string;
}

interface Page<T> {
  readonly items: readonly T[];
}

export const webhooks = () =>
  queryOptions({
    queryKey: keyOf(WEBHOOKS),
    queryFn: async ({ signal }) => (await call<Page<Webhook>>(WEBHOOKS, { query: { limit: 1000 }, signal })).items,
  });

const historyPath = (id: string) => `${WEBHOOKS}/${id}/deliveries`;

export const deliveries = (id: string) =>
  queryOptions({
    queryKey: keyOf(historyPath(id)),
    queryFn: async ({ signal }) => (await call<Page<Delivery>>(historyPath(id), { query: { limit: 1000, orderby: '-createdAt' }, signal })).items,
  });

const refresh = () => queryClient.invalidateQueries({ queryKey: keyOf(WEBHOOKS) });

/** The answer has the secret if the server has made one. */
export async function createWebhook(body: NewWebhook): Promise<{ readonly id: string; readonly secret?: string }> {
  const made = await call<{ readonly id: string; readonly secret?: string }>(WEBHOOKS, { method: 'POST', body });
  await refresh();
  return made;
}

export async function setMuted({ id, etag }: Webhook, isMuted: boolean): Promise<void> {
  await call(`${WEBHOOKS}/${id}`, {
    method: 'PATCH',
    headers: { 'if-match': etag, 'content-type': 'application/json-patch+json' },
    body: [{ op: 'replace', path: '/state', value: isMuted ? 'disabled' : 'enabled' }],
  });
  await refresh();
}

export async function removeWebhook({ id, etag }: Webhook): Promise<void> {
  await call(`${WEBHOOKS}/${id}`, { method: 'DELETE', headers: { 'if-match': etag } });
  await refresh();
}

/** Sends a test and waits a little for what became of it; undefined when nothing has yet. */
export async function testWebhook(id: string): Promise<Delivery['attempts'][number] | undefined> {
  const { id: delivery } = await call<{ readonly id: string }>(`${WEBHOOKS}/${id}/test`, { method: 'POST' });
  let tried: Delivery['attempts'][number] | undefined;
  for (let i = 0; i < 12 && tried === undefined; i += 1) {
    await new Promise((done) => setTimeout(done, 500));
    const all = await queryClient.fetchQuery({ ...deliveries(id), staleTime: 0 });
    tried = all.find((one) => one.id === delivery)?.attempts[0];
  }
  return tried;
}

/** Whether a webhook is told of an event: of all when it names none. */
export function hears({ events }: Webhook, event: string): boolean {
  return events === undefined || events.length === 0 || events.includes(event) || (event === FAILURE && events.includes(FAILED));
}
