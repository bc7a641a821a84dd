import { startTransition, useEffect, useState } from 'react';

/** How many come in one frame. */
const AT_ONCE = 2;
const waiting = new Set<() => void>();
let frame: number | undefined;

function next(): void {
  const now = [...waiting].slice(0, AT_ONCE);
  // What somebody does meanwhile goes first.
  startTransition(() => {
    for (const one of now) {
      waiting.delete(one);
      one();
    }
  });
  frame = waiting.size > 0 ? requestAnimationFrame(next) : undefined;
}

/** False at first, true as soon as it is the caller's turn: a few in each frame, so that none takes long. */
export function useTurn(): boolean {
  const [isMine, setMine] = useState(false);
  useEffect(() => {
    const come = () => setMine(true);
    waiting.add(come);
    frame ??= requestAnimationFrame(next);
    return () => { waiting.delete(come); };
  }, []);
  return isMine;
}
