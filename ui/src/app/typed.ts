import { useEffect, useRef, useState } from 'react';

/**
 * What somebody types into a field that the URL keeps. The URL follows a moment later: only what came to it by another
 * way (back, a link) changes the field, so that letters typed meanwhile are not taken back.
 */
export function useTyped(kept: string, keep: (value: string) => void): readonly [string, (value: string) => void] {
  const [value, setValue] = useState(kept);
  const sent = useRef<string[]>([]);
  useEffect(() => {
    const at = sent.current.indexOf(kept);
    sent.current.splice(0, at < 0 ? sent.current.length : at + 1);
    if (at < 0) setValue(kept);
  }, [kept]);
  return [value, (typed) => {
    setValue(typed);
    sent.current.push(typed);
    keep(typed);
  }];
}
