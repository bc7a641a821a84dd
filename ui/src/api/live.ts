import { useEffect } from 'react';
import { store, useStore } from '../app/store';
import { caller } from './context';
import { queryClient } from './query';

/** The kinds of documents whose changes the server tells. */
export type Topic =
  | 'flow' | 'run' | 'connection' | 'sourceConnection' | 'targetConnection' | 'dataset' | 'schema' | 'mappingSet' | 'batch'
  | 'draft' | 'webhook' | 'sandbox';

export interface LiveEvent {
  readonly kind: Topic;
  readonly id: string;
  readonly action: 'created' | 'updated' | 'deleted';
  readonly state?: string;
  readonly at: number;
  readonly flowId?: string;
}

export type LiveState = 'off' | 'connecting' | 'live' | 'paused' | 'stale';

const EVENTS = '/data/foundation/forebay/events';
/** The paths of the queries that a kind's change makes old. */
const PATHS: Readonly<Record<Topic, RegExp>> = {
  flow: /\/flows|\/overview/,
  run: /\/runs|\/flows|\/overview|\/timeline|\/datasets/,
  connection: /\/connections|\/overview/,
  sourceConnection: /\/sourceConnections|\/flows/,
  targetConnection: /\/targetConnections|\/flows/,
  dataset: /\/dataSets|\/datasets/,
  schema: /schemaregistry|\/schema/,
  mappingSet: /\/mappingSets|\/timeline/,
  batch: /\/batches|\/dataSets|\/datasets/,
  draft: /\/drafts|\/overview/,
  webhook: /\/webhooks/,
  sandbox: /sandbox|\/session/,
};

export const liveState = store<LiveState>('off');
type Listener = (event: LiveEvent) => void;
const listeners = new Set<{ readonly topics: ReadonlySet<Topic>; readonly hear: Listener }>();
let source: EventSource | undefined;
let lastId = '';
let openSandbox: string | undefined;
let paused = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let attempt = 0;

function open(): void {
  clearTimeout(timer);
  source?.close();
  source = undefined;
  const { sandbox } = caller.get();
  if (listeners.size === 0 || paused || sandbox === undefined) {
    liveState.set(paused ? 'paused' : 'off');
    return;
  }
  if (openSandbox !== sandbox) lastId = '';
  openSandbox = sandbox;
  if (liveState.get() !== 'stale') liveState.set('connecting');
  const query = new URLSearchParams({ sandbox, ...(lastId !== '' && { 'last-event-id': lastId }) });
  const stream = new EventSource(`${EVENTS}?${query.toString()}`);
  source = stream;
  stream.onopen = () => {
    const missed = liveState.get() === 'stale' && lastId === '';
    attempt = 0;
    liveState.set('live');
    // Without an id to resume from, what happened meanwhile is unknown.
    if (missed) reload(sandbox);
  };
  for (const topic of Object.keys(PATHS)) stream.addEventListener(topic, hear);
  // The server no longer knows what happened since we listened last.
  stream.addEventListener('reset', (message) => {
    lastId = message.lastEventId;
    reload(sandbox);
  });
  stream.onerror = () => {
    if (liveState.get() !== 'paused') liveState.set('stale');
    // The browser tries again by itself unless the server refused; then it is up to us.
    if (stream.readyState !== EventSource.CLOSED) return;
    attempt += 1;
    timer = setTimeout(open, Math.min(1000 * 2 ** (attempt - 1), 15_000));
  };
}

function reload(sandbox: string): void {
  void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === sandbox });
}

function hear(message: MessageEvent<string>): void {
  lastId = message.lastEventId || lastId;
  const event = JSON.parse(message.data) as LiveEvent;
  const wanted = [...listeners].filter((one) => one.topics.has(event.kind));
  if (wanted.length > 0) refresh(event.kind);
  for (const one of wanted) one.hear(event);
}

const due = new Set<Topic>();
/** Reads again what a topic touches, at most once a second: a busy server sends many events for one page. */
function refresh(topic: Topic): void {
  const sandbox = openSandbox;
  due.add(topic);
  if (due.size > 1) return;
  setTimeout(() => {
    const topics = [...due];
    due.clear();
    void queryClient.invalidateQueries({
      predicate: ({ queryKey: [where, path] }) =>
        where === sandbox && typeof path === 'string' && topics.some((one) => PATHS[one].test(path)),
    });
  }, 1000);
}

caller.follow(() => {
  if (source !== undefined && caller.get().sandbox !== openSandbox) open();
});

export function pauseLive(): void {
  paused = true;
  open();
}

export function resumeLive(): void {
  paused = false;
  if (lastId === '' && openSandbox !== undefined) reload(openSandbox);
  open();
}

/**
 * Keeps the page's queries fresh by the server's events of these topics, over one stream for the whole page.
 * `onEvent` hears each of them, for progress that is not read from a query.
 */
export function useLive(topics: readonly Topic[], onEvent?: Listener): LiveState {
  const key = topics.join();
  useEffect(() => {
    const listener = { topics: new Set(key.split(',') as Topic[]), hear: (event: LiveEvent) => onEvent?.(event) };
    listeners.add(listener);
    if (source === undefined) open();
    return () => {
      listeners.delete(listener);
      // The next page adds its own in the same turn: the stream is closed only if none does.
      setTimeout(() => {
        if (listeners.size === 0) open();
      });
    };
  }, [key, onEvent]);
  return useStore(liveState);
}
