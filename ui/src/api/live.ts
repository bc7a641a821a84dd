import { useEffect } from 'react';
import { store, useStore } from '../app/store';
import { caller } from './context';
import { queryClient } from './query';

/** What changed on the server. The topics are the plural kinds of things, as in the API's paths. */
export type Topic = 'flows' | 'runs' | 'connections' | 'datasets' | 'batches' | 'alerts' | 'sandboxes' | 'system';
export interface LiveEvent {
  readonly topic: Topic;
  readonly id?: string;
  readonly [member: string]: unknown;
}
export type LiveState = 'off' | 'connecting' | 'live' | 'paused' | 'stale';

const EVENTS = '/data/foundation/forebay/events';
/** The part of a query's path that tells its topic. */
const PATHS: Readonly<Record<Topic, RegExp>> = {
  flows: /\/flows|\/forebay\/overview/,
  runs: /\/runs|\/forebay\/overview/,
  connections: /onnections/,
  datasets: /\/dataSets|\/datasets/,
  batches: /\/batches|\/dataSets/,
  alerts: /alerts|webhooks/,
  sandboxes: /sandbox/,
  system: /health|system/,
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
  const query = new URLSearchParams({ sandbox, ...(lastId !== '' && { lastEventId: lastId }) });
  const stream = new EventSource(`${EVENTS}?${query.toString()}`);
  source = stream;
  stream.onopen = () => {
    const missed = liveState.get() === 'stale' && lastId === '';
    attempt = 0;
    liveState.set('live');
    // Without an id to resume from, what happened meanwhile is unknown: read all that is shown again.
    if (missed) void queryClient.invalidateQueries({ predicate: (q) => q.queryKey[0] === sandbox });
  };
  stream.onmessage = (message) => hear(message);
  for (const topic of Object.keys(PATHS)) stream.addEventListener(topic, (message) => hear(message, topic as Topic));
  stream.onerror = () => {
    if (liveState.get() !== 'paused') liveState.set('stale');
    // The browser tries again by itself unless the server refused; then it is up to us.
    if (stream.readyState !== EventSource.CLOSED) return;
    attempt += 1;
    timer = setTimeout(open, Math.min(1000 * 2 ** (attempt - 1), 15_000));
  };
}

function hear(message: MessageEvent<string>, named?: Topic): void {
  lastId = message.lastEventId || lastId;
  let event: LiveEvent;
  try {
    const data = JSON.parse(message.data) as Partial<LiveEvent>;
    const topic = named ?? data.topic;
    if (topic === undefined) return;
    event = { ...data, topic };
  } catch {
    return;
  }
  const wanted = [...listeners].filter((l) => l.topics.has(event.topic));
  if (wanted.length > 0) refresh(event.topic);
  for (const { hear: tell } of wanted) tell(event);
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
  if (lastId === '') void queryClient.invalidateQueries();
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
