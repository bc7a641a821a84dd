import type { Flow } from '../api/lists';

export interface User {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

/** Which dataflows use an account, by the account's id. */
export function users(flows: readonly Flow[]): ReadonlyMap<string, readonly User[]> {
  const found = new Map<string, User[]>();
  for (const flow of flows) {
    const { sourceConnections } = (flow.inheritedAttributes ?? {}) as {
      sourceConnections?: readonly { baseConnection?: { id?: string } }[];
    };
    for (const { baseConnection } of sourceConnections ?? []) {
      const id = baseConnection?.id;
      if (id !== undefined) found.set(id, [...(found.get(id) ?? []), { id: flow.id, name: flow.name ?? flow.id, state: flow.state ?? '' }]);
    }
  }
  return found;
}
