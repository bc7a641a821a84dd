import { useEffect, useRef } from 'react';
import { settings } from './settings';
import { store } from './store';

interface Shortcut {
  /** `mod+k` (Ctrl or ⌘), `g h` (one after the other), `?`, `Escape`. */
  readonly keys: string;
  readonly label: string;
  readonly run: () => void;
}

/** What works on the page that is shown; the help lists it. */
export const shortcuts = store<readonly Shortcut[]>([]);

/** Adds a shortcut while the component is shown. The one added last wins. */
export function useShortcut(keys: string, label: string, action: () => void, enabled = true): void {
  const latest = useRef(action);
  useEffect(() => {
    latest.current = action;
  });
  useEffect(() => {
    if (!enabled) return;
    const shortcut: Shortcut = { keys, label, run: () => latest.current() };
    shortcuts.set([...shortcuts.get(), shortcut]);
    return () => shortcuts.set(shortcuts.get().filter((s) => s !== shortcut));
  }, [keys, label, enabled]);
}

let pending = '';
let pendingSince = 0;

function pressed(event: KeyboardEvent): string {
  return event.ctrlKey || event.metaKey ? `mod+${event.key.toLowerCase()}` : event.key;
}

/** Where letters are text: fields, and lists that are searched by typing. */
function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.closest('input, textarea, select, [role=textbox], [role=menu], [role=listbox], [role=combobox]') !== null)
  );
}

function onKey(event: KeyboardEvent): void {
  if (event.altKey || event.isComposing || event.defaultPrevented) return;
  const key = pressed(event);
  const single = !key.startsWith('mod+');
  if (single && (!settings.get().keys || typing(event.target))) return;
  // A toast is an alertdialog too, though not a modal one.
  // A toast calls itself an alert dialog too, but lets one go on.
  if (document.querySelector('[role=dialog], [role=alertdialog]:not([aria-modal=false])') !== null) return;
  const sequence = single && event.timeStamp - pendingSince < 1000 ? `${pending} ${key}`.trim() : key;
  const known = shortcuts.get();
  const hit = known.findLast((s) => s.keys === sequence) ?? known.findLast((s) => s.keys === key);
  pending = '';
  if (hit !== undefined) {
    event.preventDefault();
    event.stopPropagation();
    hit.run();
  } else if (single && known.some((s) => s.keys.startsWith(`${key} `))) {
    pending = key;
    pendingSince = event.timeStamp;
    event.stopPropagation();
  }
}

/** Listens for all shortcuts, before any component does: a table would take letters for its type-ahead. */
export function listen(): () => void {
  window.addEventListener('keydown', onKey, true);
  return () => window.removeEventListener('keydown', onKey, true);
}
