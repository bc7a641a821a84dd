import { useCallback, useEffect, useRef, useState } from 'react';
import { call, send } from '../api/client';
import { caller } from '../api/context';
import { ApiError, asApiError } from '../api/errors';
import { type Draft, type Items, OWN } from '../api/own';
import { complete, type Step, type WizardState } from './state';

const DRAFTS = `${OWN}/drafts`;
const PAUSE = 800;

/** Where a draft stands between this page and the server. */
export type Saving =
  | { readonly is: 'none' | 'saving' | 'saved' }
  | { readonly is: 'failed'; readonly error: ApiError }
  /** Somebody else saved it meanwhile: theirs, to be compared with what is here. */
  | { readonly is: 'conflict'; readonly theirs: Draft };

export async function readDraft(id: string): Promise<Draft> {
  const { items: [draft] } = await call<Items<Draft>>(`${DRAFTS}/${encodeURIComponent(id)}`);
  if (draft === undefined) throw new ApiError({ status: 404, message: 'There is no such draft.' });
  return draft;
}

export async function deleteDraft(id: string): Promise<void> {
  await call(`${DRAFTS}/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** What has not reached the server yet survives a reload in this tab: it holds no secrets, as drafts never do. */
interface Unsaved {
  readonly state: WizardState;
  readonly step: Step;
  readonly etag: string | undefined;
}

const keep = {
  key: (id: string | undefined) => `forebay.draft.${caller.get().sandbox ?? ''}.${id ?? 'new'}`,
  read(id: string | undefined): Unsaved | undefined {
    try {
      const text = sessionStorage.getItem(keep.key(id));
      return text === null ? undefined : (JSON.parse(text) as Unsaved);
    } catch {
      return undefined;
    }
  },
  write(id: string | undefined, value: Unsaved): void {
    try {
      sessionStorage.setItem(keep.key(id), JSON.stringify(value));
    } catch {
      // Without storage only the server keeps it, a moment later.
    }
  },
  drop(id: string | undefined): void {
    try {
      sessionStorage.removeItem(keep.key(id));
    } catch {
      // As above.
    }
  },
};

interface Options {
  readonly id: string | undefined;
  readonly step: Step;
  /** What a dataflow without a draft starts with. */
  readonly initial: WizardState;
  /** The draft got an id: it belongs in the URL. */
  readonly onId: (id: string) => void;
}

/** The state of the wizard, kept as a draft on the server: saved a moment after each change, and never over somebody else's. */
export function useDraft({ id, step, initial, onId }: Options) {
  const [state, setState] = useState<WizardState>();
  const [loadError, setLoadError] = useState<unknown>();
  const [saving, setSaving] = useState<Saving>({ is: 'none' });
  const now = useRef({ id: undefined as string | undefined, state: initial, step, etag: undefined as string | undefined, isDirty: false, isClosed: false });
  const loaded = useRef<string>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const running = useRef<Promise<boolean>>(undefined);
  const tellId = useRef(onId);
  useEffect(() => {
    tellId.current = onId;
  });

  const load = useCallback(async (of: string) => {
    setLoadError(undefined);
    try {
      const draft = await readDraft(of);
      const unsaved = keep.read(of);
      const isOurs = unsaved !== undefined && unsaved.etag === draft.etag;
      const next = isOurs ? unsaved.state : complete(draft.state);
      now.current = { ...now.current, id: of, state: next, etag: draft.etag, isDirty: isOurs };
      setState(next);
      if (unsaved !== undefined && !isOurs) {
        // Both have changed: the one here is shown, the other is offered.
        now.current = { ...now.current, state: unsaved.state, isDirty: true };
        setState(unsaved.state);
        setSaving({ is: 'conflict', theirs: draft });
      } else setSaving({ is: 'saved' });
    } catch (error) {
      setLoadError(error);
    }
  }, []);

  useEffect(() => {
    if (id === undefined) {
      if (loaded.current === 'new') return;
      loaded.current = 'new';
      now.current = { ...now.current, id: undefined, state: initial, etag: undefined, isDirty: false };
      setState(initial);
      setSaving({ is: 'none' });
    } else if (loaded.current !== id && now.current.id !== id) {
      loaded.current = id;
      setState(undefined);
      void load(id);
    }
  }, [id, initial, load]);

  const save = useCallback(async (): Promise<boolean> => {
    clearTimeout(timer.current);
    // One at a time: the next one needs the etag of the one before.
    while (running.current !== undefined) await running.current;
    const one = now.current;
    if (!one.isDirty || one.isClosed) return true;
    const sent = one.state;
    const body = { kind: 'flow', name: sent.details.name ?? '', step: one.step, state: sent };
    setSaving({ is: 'saving' });
    running.current = (async () => {
      try {
        const answer = one.id === undefined
          ? await call<{ id: string; etag: string }>(DRAFTS, { method: 'POST', body })
          : await put(one.id, one.etag, body);
        const isNew = one.id === undefined;
        keep.drop(one.id);
        now.current = { ...now.current, id: answer.id, etag: answer.etag, isDirty: now.current.state !== sent };
        if (isNew) {
          loaded.current = answer.id;
          tellId.current(answer.id);
        }
        setSaving({ is: 'saved' });
        if (now.current.isDirty) timer.current = setTimeout(() => void save(), PAUSE);
        return true;
      } catch (thrown) {
        const error = asApiError(thrown);
        if (error.status === 412 && one.id !== undefined) {
          try {
            setSaving({ is: 'conflict', theirs: await readDraft(one.id) });
          } catch (other) {
            setSaving({ is: 'failed', error: asApiError(other) });
          }
        } else setSaving({ is: 'failed', error });
        return false;
      } finally {
        running.current = undefined;
      }
    })();
    return running.current;
  }, []);

  const change = useCallback((part: Partial<WizardState> | ((old: WizardState) => Partial<WizardState>)) => {
    const one = now.current;
    const next = { ...one.state, ...(typeof part === 'function' ? part(one.state) : part) };
    now.current = { ...one, state: next, isDirty: true };
    keep.write(one.id, { state: next, step: one.step, etag: one.etag });
    setState(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void save(), PAUSE);
  }, [save]);

  useEffect(() => {
    if (now.current.step === step) return;
    now.current = { ...now.current, step };
    // A change of step is a good moment, if there is something to save.
    if (now.current.isDirty) void save();
  }, [step, save]);
  useEffect(() => () => {
    // Left by a link within the application: the request goes on after the page is gone.
    if (now.current.isDirty) void save();
  }, [save]);

  /** Takes what somebody else saved, or saves this over it. */
  const settle = useCallback((takes: 'mine' | 'theirs', theirs: Draft) => {
    const mine = now.current.state;
    const next = takes === 'mine' ? mine : complete(theirs.state);
    now.current = { ...now.current, etag: theirs.etag, state: next, isDirty: takes === 'mine' };
    setState(next);
    setSaving({ is: 'saved' });
    if (takes === 'mine') void save();
    else keep.drop(now.current.id);
  }, [save]);

  /** The draft has become a dataflow, or was thrown away. */
  const close = useCallback(async () => {
    clearTimeout(timer.current);
    while (running.current !== undefined) await running.current;
    now.current = { ...now.current, isDirty: false, isClosed: true };
    keep.drop(now.current.id);
    const { id: made } = now.current;
    if (made !== undefined) await deleteDraft(made).catch(() => undefined);
  }, []);

  return { state, loadError, reload: () => { if (id !== undefined) void load(id); }, saving, change, save, settle, close, current: () => now.current.state };
}

async function put(id: string, etag: string | undefined, body: unknown): Promise<{ id: string; etag: string }> {
  const response = await send(`${DRAFTS}/${encodeURIComponent(id)}`, { method: 'PUT', body, headers: { 'if-match': etag ?? '' } });
  const answer = (await response.json()) as { id?: string; etag?: string };
  return { id, etag: answer.etag ?? response.headers.get('etag') ?? '' };
}

/** What differs between two states, by path. */
export function differences(mine: unknown, theirs: unknown, path = ''): readonly { readonly path: string; readonly mine: unknown; readonly theirs: unknown }[] {
  if (JSON.stringify(mine) === JSON.stringify(theirs)) return [];
  const isObject = (one: unknown): one is Readonly<Record<string, unknown>> => typeof one === 'object' && one !== null && !Array.isArray(one);
  if (!isObject(mine) || !isObject(theirs)) return [{ path, mine, theirs }];
  return [...new Set([...Object.keys(mine), ...Object.keys(theirs)])].flatMap((name) => differences(mine[name], theirs[name], path === '' ? name : `${path}.${name}`));
}

