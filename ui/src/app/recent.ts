/** The objects opened last, for the jump bar: their names and paths, in this browser, until the user signs out. */
export interface Recent {
  readonly title: string;
  readonly href: string;
}

const KEY = 'forebay.recent';
const MOST = 12;

export function recents(): readonly Recent[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one: Partial<Recent>): one is Recent => typeof one.title === 'string' && typeof one.href === 'string') : [];
  } catch {
    // Storage is switched off, or its content is not ours.
    return [];
  }
}

export function remember(recent: Recent): void {
  keep([recent, ...recents().filter(({ href }) => href !== recent.href)].slice(0, MOST));
}

export function forgetRecents(): void {
  keep([]);
}

function keep(all: readonly Recent[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // Then nothing is remembered.
  }
}
