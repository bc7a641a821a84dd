import { store, useStore } from './store';

export type Theme = 'light' | 'dark' | 'system';
export interface Settings {
  readonly theme: Theme;
  /** Whether times are shown in UTC or in the browser's zone. */
  readonly zone: 'utc' | 'local';
  /** Whether shortcuts of a single key work (WCAG 2.1.4: they can be switched off). */
  readonly keys: boolean;
  /** BCP 47: numbers, dates, plurals and the direction of writing. */
  readonly locale: string;
  /** Texts with accents and 30 % longer, to test the layout. */
  readonly pseudo: boolean;
}

const KEY = 'forebay.settings';

function initial(): Settings {
  let kept: Partial<Settings> = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Settings>;
  } catch {
    // Storage is switched off, or its content is not ours: the defaults hold.
  }
  const asked = new URLSearchParams(location.search).get('locale');
  const locale = asked === null ? (kept.locale ?? 'en-US') : asked === 'pseudo' ? 'en-US' : supported(asked);
  return {
    theme: kept.theme ?? 'system',
    zone: kept.zone ?? 'local',
    keys: kept.keys ?? true,
    locale,
    pseudo: asked === null ? (kept.pseudo ?? false) : asked === 'pseudo',
  };
}

function supported(locale: string): string {
  try {
    return new Intl.Locale(locale).toString();
  } catch {
    return 'en-US';
  }
}

export const settings = store<Settings>(initial());

export function useSettings(): Settings {
  return useStore(settings);
}

/** Changes settings and keeps them for the next visit. */
export function change(part: Partial<Settings>): void {
  settings.set({ ...settings.get(), ...part });
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.get()));
  } catch {
    // They hold for this visit, then.
  }
}

/** The zone that times are shown in; undefined is the browser's own. */
export function zoneOf(of: Settings): string | undefined {
  return of.zone === 'utc' ? 'UTC' : undefined;
}
