import { queryOptions, useSuspenseQuery } from '@tanstack/react-query';
import { call } from '../api/client';
import { caller } from '../api/context';
import { OWN, type Session } from '../api/own';
import { queryClient } from '../api/query';
import { forgetRecents } from './recent';
import { store } from './store';

export const SESSION = `${OWN}/session`;

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => adopt(await call<Session>(SESSION, { signal })),
  staleTime: 5 * 60_000,
});

/**
 * That somebody has signed in with this browser: the cookie itself cannot be seen from here.
 * Without it nothing is asked that the server could only refuse, which browsers tell as an error.
 */
const HINT = 'forebay.signedIn';

export function mayBeSignedIn(): boolean {
  try {
    return localStorage.getItem(HINT) !== null;
  } catch {
    // Storage is switched off: then only the server knows.
    return true;
  }
}

export function noteSignedIn(isSignedIn: boolean): void {
  try {
    if (isSignedIn) localStorage.setItem(HINT, 'yes');
    else localStorage.removeItem(HINT);
  } catch {
    // As above.
  }
}

function adopt(session: Session): Session {
  noteSignedIn(true);
  caller.set({ ...caller.get(), org: session.org.id, apiKey: session.apiKey });
  return session;
}

/** Whether the session may do something: `may(session, 'EnterpriseSource', 'write')`. */
export function may(session: Session, permission: string, right: 'read' | 'write'): boolean {
  return session.permissions[permission]?.includes(right) ?? false;
}

/** The session, which the routes have loaded before any page is shown. */
export function useSession(): Session {
  return useSuspenseQuery(sessionQuery).data;
}

export type Credentials = { readonly token: string } | { readonly clientId: string; readonly clientSecret: string };

/** Signs in, or in again: what a page shows stays, unless somebody else has signed in, whose rights may be others. */
export async function signIn(credentials: Credentials): Promise<void> {
  const before = queryClient.getQueryData(sessionQuery.queryKey);
  const session = adopt(await call<Session>(SESSION, { method: 'POST', body: credentials }));
  if (before !== undefined && before.client.id !== session.client.id) {
    void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionQuery.queryKey[0] });
  }
  queryClient.setQueryData(sessionQuery.queryKey, session);
  linkFailure.set(undefined);
}

/** The token of what was pasted: a whole link, or the token alone. */
export function tokenOf(pasted: string): string {
  return /[?&]token=([^&#\s]+)/.exec(pasted)?.[1] ?? pasted;
}

/** Why the link that led here did not sign in; the sign-in page tells it. */
export const linkFailure = store<unknown>(undefined);

/** Whether the session has ended while a page is open. */
export const sessionEnded = store(false);

/** Ends the session and forgets all that was read with it. */
export async function signOut(): Promise<void> {
  try {
    await call(SESSION, { method: 'DELETE' });
  } finally {
    // A session that has ended by itself is forgotten all the same.
    queryClient.clear();
    caller.set({});
    noteSignedIn(false);
    forgetRecents();
    sessionEnded.set(false);
  }
}

/** A one-time token in the URL is used and taken out of the URL, before it can be kept in the history or sent on. */
export async function signInByUrl(): Promise<void> {
  const url = new URL(location.href);
  const token = url.searchParams.get('token');
  if (token === null) return;
  url.searchParams.delete('token');
  history.replaceState(history.state, '', url);
  try {
    await signIn({ token });
  } catch (failure) {
    // Used or expired: the sign-in page says what to do next, unless an older session still holds.
    linkFailure.set(failure);
  }
}

export function defaultSandbox(session: Session): string {
  return (session.sandboxes.find((s) => s.isDefault) ?? session.sandboxes[0])?.name ?? 'prod';
}
