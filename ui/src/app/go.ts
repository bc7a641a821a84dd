import { useCallback } from 'react';
import { useNavigate, useRouter, useSearch } from '@tanstack/react-router';
import { BASE, type SearchValues } from './links';

/** Goes to a path of `to`. */
export function useGo(): (path: string) => void {
  const { history } = useRouter();
  return useCallback((path: string) => history.push(BASE + path), [history]);
}

/** The search parameters of the page and a way to change some of them in place (undefined takes one out). */
export function useUrl(): readonly [SearchValues, (part: SearchValues) => void] {
  const search = useSearch({ strict: false }) as SearchValues;
  const navigate = useNavigate();
  const set = useCallback(
    (part: SearchValues) => {
      void navigate({
        to: '.',
        search: ((old: SearchValues) => ({ ...old, ...part })) as never,
        replace: true,
        resetScroll: false,
      });
    },
    [navigate],
  );
  return [search, set];
}
