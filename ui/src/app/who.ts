import type { Session } from '../api/own';
import { t } from '../messages/frame';

type Client = Session['client'];

/** A client's name; one that has none is called by its id everywhere in the API, which tells a person nothing. */
export function nameOf({ id, name }: Client): string {
  return name === undefined || name === id ? t('unnamedClient') : name;
}

/** At most two letters of a name, none where there is no name. */
export function initialsOf({ id, name }: Client): string | undefined {
  if (name === undefined || name === id) return undefined;
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...(word ?? '')][0]?.toLocaleUpperCase()).join('') || undefined;
}
