import { useEffect, useState } from 'react';
import { call } from '../../api/client';
import { liveState } from '../../api/live';
import { type Log, type LogLine, OWN } from '../../api/own';

const LIMIT = 1000;
const AGAIN = 1_500;

interface Known {
  readonly lines: readonly LogLine[];
  readonly total: number;
  readonly error?: unknown;
  readonly isReady: boolean;
}

const nothing: Known = { lines: [], total: 0, isReady: false };

/**
 * All lines of a run's log, read page by page from its start; while the run goes on, what was added since, unless live
 * updates are paused. It is no query, since a change of the run would make a query read all of it again.
 */
export function useLog(run: string, isLive: boolean): Known & { readonly retry: () => void } {
  const [known, setKnown] = useState(nothing);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let lines: readonly LogLine[] = [];
    async function read(): Promise<void> {
      try {
        for (;;) {
          const page = await call<Log>(`${OWN}/runs/${run}/log`, { query: { start: lines.length, limit: LIMIT }, signal: stop.signal });
          lines = page.items.length === 0 ? lines : [...lines, ...page.items];
          setKnown({ lines, total: page.total, isReady: true });
          if (page.items.length === 0 || lines.length >= page.total) break;
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        setKnown((old) => ({ ...old, error, isReady: true }));
      }
      if (isLive) timer = setTimeout(again, AGAIN);
    }
    function again(): void {
      if (liveState.get() === 'paused') timer = setTimeout(again, AGAIN);
      else void read();
    }
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [run, isLive, turn]);
  return {
    ...known,
    retry: () => {
      setKnown(nothing);
      setTurn(turn + 1);
    },
  };
}
