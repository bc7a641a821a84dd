import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { send } from '../../api/client';
import { keyOf } from '../../api/query';

export const EVENTS = '/data/foundation/audit/events';
export const VERIFICATION = '/data/foundation/audit/verification';

export interface AuditEvent {
  readonly id: string;
  readonly userEmail: string;
  readonly authId: string;
  readonly sandboxName: string;
  readonly requestId: string;
  readonly assetType: string;
  readonly assetId: string;
  readonly assetName: string;
  readonly action: string;
  readonly status: 'Success' | 'Failure' | 'Deny';
  readonly failureCode: string;
  readonly timestamp: string;
  readonly operation: string;
  readonly sequence: number;
}

interface Page {
  readonly _embedded: { readonly customerAuditLogList: readonly AuditEvent[] };
  readonly _links: { readonly next?: { readonly href: string } };
  readonly page: { readonly totalElements: number };
}

export interface Wanted {
  readonly request?: string;
  readonly asset?: string;
  readonly user?: string;
  readonly action?: string;
  readonly status?: string;
  readonly type?: string;
  readonly sandbox?: string;
  readonly since?: number;
  readonly until?: number;
}

/** The filters as the service takes them; an account and a client's id are told apart by the @. */
export function properties(wanted: Wanted): readonly string[] {
  const equal = (name: string, value: string | undefined) => (value === undefined || value === '' ? [] : [`${name}=="${value.replaceAll('"', '')}"`]);
  return [
    ...equal('requestId', wanted.request), ...equal('assetId', wanted.asset), ...equal('action', wanted.action), ...equal('status', wanted.status),
    ...equal('assetType', wanted.type), ...equal('sandboxName', wanted.sandbox), ...equal(wanted.user?.includes('@') ? 'userEmail' : 'authId', wanted.user),
    ...(wanted.since === undefined ? [] : [`timestamp>=${new Date(wanted.since).toISOString()}`]),
    ...(wanted.until === undefined ? [] : [`timestamp<=${new Date(wanted.until).toISOString()}`]),
  ];
}

export function address(wanted: Wanted, limit: number): string {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const property of properties(wanted)) query.append('property', property);
  return `${EVENTS}?${query.toString()}`;
}

export async function pageOf(href: string, signal?: AbortSignal) {
  const response = await send(href, signal === undefined ? {} : { signal });
  const { _embedded, _links, page } = (await response.json()) as Page;
  const next = _links.next?.href;
  // The link names the server as it is known publicly: only the path is of use behind a proxy.
  return { events: _embedded.customerAuditLogList, total: page.totalElements, next: next === undefined ? undefined : next.replace(/^https?:\/\/[^/]+/, '') };
}

export const trail = (wanted: Wanted) =>
  infiniteQueryOptions({
    queryKey: keyOf(EVENTS, wanted),
    queryFn: ({ pageParam, signal }) => pageOf(pageParam, signal),
    initialPageParam: address(wanted, 200),
    getNextPageParam: ({ next }) => next,
    select: ({ pages }) => ({ events: pages.flatMap(({ events }) => events), total: pages[0]?.total ?? 0 }),
  });

/** When each client was last noted in the trail, as far as its newest entries tell. */
export const lastSeen = () =>
  queryOptions({
    queryKey: keyOf(EVENTS, 'last seen'),
    queryFn: async ({ signal }): Promise<ReadonlyMap<string, number>> => {
      const { events } = await pageOf(address({}, 1000), signal);
      return new Map(events.toReversed().map(({ authId, timestamp }) => [authId, instant(timestamp)]));
    },
    staleTime: 60_000,
  });

/** `2026-11-26T00:27:11.541+0000`: with a colon in the zone all browsers read it. */
export function instant(timestamp: string): number {
  return Date.parse(timestamp.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
}
