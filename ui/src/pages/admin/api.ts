import { queryOptions } from '@tanstack/react-query';
import { call } from '../../api/client';
import { OWN } from '../../api/own';
import { keyOf, queryClient } from '../../api/query';

export const SANDBOXES = '/data/foundation/sandbox-management/sandboxes';
export const CLIENTS = `${OWN}/clients`;
const ACCESS = '/data/foundation/access-control/administration';
export const ROLES = `${ACCESS}/roles`;

export interface Sandbox {
  readonly name: string;
  readonly title: string;
  readonly type: 'development' | 'production';
  readonly state: 'creating' | 'active' | 'resetting' | 'deleting' | 'deleted' | 'failed';
  readonly isDefault: boolean;
  readonly createdDate: string;
}

export interface Client {
  readonly id: string;
  readonly account: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly secretSince: number | null;
  readonly createdAt: number;
  readonly createdBy: string | null;
}

/** A client as it is told once, with its secret. */
export interface NewSecret extends Client {
  readonly clientSecret: string;
}

export interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly roleType: 'system-defined' | 'user-defined';
  readonly permissionSets: readonly string[];
  /** `*`: every sandbox. */
  readonly sandboxes: readonly string[];
  readonly etag: string;
}

export interface Subject {
  readonly subjectType: 'apiIntegration' | 'user';
  readonly subjectId: string;
}

export interface PermissionSet {
  readonly id: string;
  readonly name: string;
  readonly category: string;
}

function listed<T>(path: string, member: string) {
  return queryOptions({
    queryKey: keyOf(path),
    queryFn: async ({ signal }) => (await call<Readonly<Record<string, readonly T[]>>>(path, { query: { limit: 200 }, signal }))[member] ?? [],
  });
}

export const sandboxes = () => listed<Sandbox>(SANDBOXES, 'sandboxes');
export const clients = () => listed<Client>(CLIENTS, 'clients');
export const roles = () => listed<Role>(ROLES, 'roles');
export const subjects = (role: string) => listed<Subject>(`${ROLES}/${role}/subjects`, 'items');

export const permissionSets = () =>
  queryOptions({
    queryKey: keyOf(`${ACCESS}/products`, 'permission sets'),
    queryFn: async ({ signal }) => {
      const { products } = await call<{ products: readonly { id: string }[] }>(`${ACCESS}/products`, { signal });
      const path = `${ACCESS}/products/${products[0]?.id ?? 'forebay'}/permission-sets`;
      return (await call<{ 'permission-sets': readonly PermissionSet[] }>(path, { signal }))['permission-sets'];
    },
    staleTime: Infinity,
  });

/** Reads again what a change of access touches: also what the session may do. */
export async function refreshAccess(): Promise<void> {
  await Promise.all([
    queryClient.invalidateQueries({ predicate: ({ queryKey: [, path] }) => typeof path === 'string' && (path.startsWith(ROLES) || path.startsWith(CLIENTS)) }),
    queryClient.invalidateQueries({ queryKey: ['session'] }),
  ]);
}

export async function refreshSandboxes(): Promise<void> {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: keyOf(SANDBOXES) }),
    queryClient.invalidateQueries({ queryKey: ['session'] }),
  ]);
}
