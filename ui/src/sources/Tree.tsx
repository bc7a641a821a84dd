import { LinkButton, SearchField } from '@react-spectrum/s2';
import ChevronRight from '@react-spectrum/s2/icons/ChevronRight';
import ChevronDown from '@react-spectrum/s2/icons/ChevronDown';
import File from '@react-spectrum/s2/icons/File';
import Folder from '@react-spectrum/s2/icons/Folder';
import Table from '@react-spectrum/s2/icons/Table';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQueries } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useRef, useState } from 'react';
import { asApiError } from '../api/errors';
import { to } from '../app/links';
import { ErrorBox } from '../components/ErrorBox';
import { Skeleton } from '../components/States';
import { Verbatim } from '../components/Verbatim';
import { visible } from '../components/visible';
import { t } from '../messages/sources';
import { type Entry, entries } from './explore';

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0 });
const box = style({
  overflow: 'auto', height: 440, borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', borderRadius: 'default', position: 'relative',
  outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: 2,
});
const line = style({
  font: 'ui', position: 'absolute', insetStart: 0, width: 'full', height: 32, display: 'flex', alignItems: 'center', columnGap: 4, boxSizing: 'border-box',
  cursor: 'default', paddingEnd: 8, whiteSpace: 'nowrap',
  backgroundColor: { default: 'base', ':hover': 'gray-100', isChosen: 'gray-200' },
  fontWeight: { default: 'normal', isChosen: 'bold' },
  outlineStyle: { default: 'none', isCursor: 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: -2,
});
const name = style({ overflow: 'hidden', textOverflow: 'ellipsis' });
const note = style({ font: 'ui-sm', color: 'neutral-subdued', padding: 8 });
const icon = iconStyle({ size: 'S' });
const spacer = style({ width: 16, flexShrink: 0 });

interface Item {
  readonly entry: Entry;
  readonly level: number;
}

interface Props {
  readonly connection: string;
  readonly isTables: boolean;
  readonly chosen: string | undefined;
  /** A file, a table, or a folder. */
  readonly onChoose: (entry: Entry) => void;
}

/** What an account holds, as a tree that is read folder by folder. */
export function Tree({ connection, isTables, chosen, onChoose }: Props) {
  const [open, setOpen] = useState<readonly string[]>(() => ['', ...above(chosen)]);
  const [filter, setFilter] = useState('');
  const [cursor, setCursor] = useState<string>();
  const [isFocused, setFocused] = useState(false);
  const scroll = useRef<HTMLDivElement>(null);
  const results = useQueries({ queries: open.map((folder) => entries(connection, folder)) });
  const [root] = results;
  const content = new Map(open.map((folder, i) => [folder, results[i]?.data]));
  const words = filter.toLowerCase();
  const items: Item[] = [];
  const add = (folder: string, level: number): void => {
    for (const entry of content.get(folder) ?? []) {
      if (words === '' || entry.type === 'folder' || entry.name.toLowerCase().includes(words)) items.push({ entry, level });
      if (open.includes(entry.path)) add(entry.path, level + 1);
    }
  };
  add('', 0);
  const virtual = useVirtualizer({ count: items.length, getScrollElement: () => scroll.current, estimateSize: () => 32, overscan: 8 });
  const failed = results.find((one, i) => i > 0 && one.error !== null);
  const place = Math.max(0, items.findIndex(({ entry }) => entry.path === (cursor ?? chosen)));

  const toggle = (path: string) => setOpen(open.includes(path) ? open.filter((one) => one !== path) : [...open, path]);
  function choose(entry: Entry): void {
    setCursor(entry.path);
    if (entry.type === 'folder' && !open.includes(entry.path)) toggle(entry.path);
    onChoose(entry);
  }
  function press(event: KeyboardEvent): void {
    const item = items[place];
    if (item === undefined) return;
    const { entry, level } = item;
    const isOpen = open.includes(entry.path);
    const goTo = (at: number) => {
      const next = Math.min(items.length - 1, Math.max(0, at));
      setCursor(items[next]?.entry.path);
      virtual.scrollToIndex(next);
    };
    if (event.key === 'ArrowDown') goTo(place + 1);
    else if (event.key === 'ArrowUp') goTo(place - 1);
    else if (event.key === 'Home') goTo(0);
    else if (event.key === 'End') goTo(items.length - 1);
    else if (event.key === 'PageDown') goTo(place + 10);
    else if (event.key === 'PageUp') goTo(place - 10);
    else if (event.key === 'ArrowRight' && entry.type === 'folder') {
      if (isOpen) goTo(place + 1);
      else toggle(entry.path);
    } else if (event.key === 'ArrowLeft') {
      if (isOpen && entry.type === 'folder') toggle(entry.path);
      else goTo(items.findLastIndex((one, i) => i < place && one.level < level));
    } else if (event.key === 'Enter' || event.key === ' ') choose(entry);
    else return;
    event.preventDefault();
  }

  if (root?.error) return <Refused error={root.error} connection={connection} onRetry={() => void root.refetch()} />;
  return (
    <div className={stack}>
      <SearchField label={t('filterEntries')} value={filter} onChange={setFilter} styles={style({ width: 'full' })} />
      {root?.isPending === true ? <Skeleton lines={5} /> : (
        <div
          ref={scroll} role="tree" aria-label={isTables ? t('tables') : t('tree')} className={box} tabIndex={0}
          aria-activedescendant={isFocused && items.length > 0 ? `entry-${String(place)}` : undefined}
          onKeyDown={press} onFocus={() => setFocused(true)} onBlur={() => setFocused(false)}
        >
          {items.length === 0 && <div className={note}>{isTables ? t('noTables') : t('emptyFolder')}</div>}
          <div role="presentation" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map(({ index, start }) => {
              const item = items[index];
              if (item === undefined) return null;
              const { entry, level } = item;
              const isFolder = entry.type === 'folder';
              const isOpen = open.includes(entry.path);
              const Chevron = isOpen ? ChevronDown : ChevronRight;
              return (
                // The tree has the keys; a click is what they do.
                // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
                <div
                  key={entry.path} id={`entry-${String(index)}`} role="treeitem" aria-level={level + 1} aria-selected={entry.path === chosen}
                  aria-setsize={items.length} aria-posinset={index + 1} {...(isFolder && { 'aria-expanded': isOpen })}
                  className={line({ isChosen: entry.path === chosen, isCursor: isFocused && index === place })}
                  style={{ top: start, paddingInlineStart: 8 + level * 16 }}
                  title={visible(entry.path)}
                  onClick={() => { if (isFolder && isOpen && entry.path === chosen) toggle(entry.path); else choose(entry); }}
                >
                  {isFolder ? <Chevron styles={icon} aria-hidden /> : !isTables && <span className={spacer} />}
                  {isFolder ? <Folder styles={icon} aria-hidden /> : entry.type === 'table' ? <Table styles={icon} aria-hidden /> : <File styles={icon} aria-hidden />}
                  <span className={name}><Verbatim>{entry.name}</Verbatim></span>
                </div>
              );
            })}
          </div>
        </div>
      )}
      {failed !== undefined && <Refused error={failed.error} connection={connection} onRetry={() => void failed.refetch()} />}
    </div>
  );
}

/** What the source itself refused is repaired at the account. */
function Refused({ error, connection, onRetry }: { readonly error: unknown; readonly connection: string; readonly onRetry: () => void }) {
  if (!asApiError(error).code.startsWith('FLOW-1102')) return <ErrorBox error={error} onRetry={onRetry} />;
  return (
    <ErrorBox error={error} onRetry={onRetry} advice={t('refusedAdvice')}
      actions={<LinkButton variant="secondary" href={to.account(connection, { tab: 'credentials' })}>{t('replaceCredentials')}</LinkButton>} />
  );
}

/** The folders that a path is in: `/a/`, `/a/b/` of `/a/b/c.csv`. */
function above(path: string | undefined): readonly string[] {
  const parts = (path?.replace(/[*?[{].*$/, '') ?? '').split('/');
  return parts.slice(1, -1).map((_, i) => `${parts.slice(0, i + 2).join('/')}/`);
}
