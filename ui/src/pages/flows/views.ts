import type { SearchValues } from '../../app/links';
import { store } from '../../app/store';

type Views = Readonly<Record<string, SearchValues>>;
const KEY = 'forebay.views.flows';

function kept(): Views {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Views;
  } catch {
    // Storage is switched off, or its content is not ours.
    return {};
  }
}

export const views = store<Views>(kept());

function keep(all: Views): void {
  views.set(all);
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // They hold for this visit, then.
  }
}

export function addView(name: string, search: SearchValues): void {
  keep({ ...views.get(), [name]: search });
}

export function dropView(name: string): void {
  keep(Object.fromEntries(Object.entries(views.get()).filter(([one]) => one !== name)));
}
