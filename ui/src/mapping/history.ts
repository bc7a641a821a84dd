import { useCallback, useState } from 'react';

const MOST = 200;

/** Undo and redo of a value that lives elsewhere: `set` changes it and remembers what it was. */
export function useHistory<T>(value: T, onChange: (value: T) => void) {
  const [past, setPast] = useState<readonly T[]>([]);
  const [future, setFuture] = useState<readonly T[]>([]);
  const set = useCallback((next: T) => {
    setPast((before) => [...before.slice(1 - MOST), value]);
    setFuture([]);
    onChange(next);
  }, [value, onChange]);
  const undo = useCallback(() => {
    const before = past.at(-1);
    if (before === undefined) return;
    setPast(past.slice(0, -1));
    setFuture([...future, value]);
    onChange(before);
  }, [past, future, value, onChange]);
  const redo = useCallback(() => {
    const after = future.at(-1);
    if (after === undefined) return;
    setFuture(future.slice(0, -1));
    setPast([...past, value]);
    onChange(after);
  }, [past, future, value, onChange]);
  return { set, undo, redo, canUndo: past.length > 0, canRedo: future.length > 0 };
}
