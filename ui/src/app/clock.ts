import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function follow(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const one of listeners) one();
  }, 5_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time of day in steps of five seconds: one timer for all relative times of a page. */
export function useNow(): number {
  return useSyncExternalStore(follow, () => (timer === undefined ? (now = Math.floor(Date.now() / 5000) * 5000) : now));
}
