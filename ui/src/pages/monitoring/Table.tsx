import { ActionButton, Menu, MenuItem, MenuTrigger, Text } from '@react-spectrum/s2';
import Export from '@react-spectrum/s2/icons/Export';
import Settings from '@react-spectrum/s2/icons/Settings';
import { type ReactNode, useMemo } from 'react';
import { useUrl } from '../../app/go';
import { csv } from '../../components/csv';
import { List } from '../../components/List';
import { download } from '../../flows/actions';
import { t } from '../../messages/monitoring';
import type { Shown } from './columns';

interface Props<T> {
  readonly label: string;
  readonly items: readonly T[];
  readonly columns: readonly Shown<T>[];
  readonly id: (item: T) => string;
  readonly text: (item: T) => string;
  readonly href: (item: T) => string;
  /** Of the file that is exported. */
  readonly file: string;
  readonly controls: ReactNode;
}

/** A list whose columns can be chosen (in the URL), and that can be exported with all of them. */
export function Table<T>({ label, items, columns, id, text, href, file, controls }: Props<T>) {
  const [url, setUrl] = useUrl();
  const kept = url.columns;
  const chosen = useMemo(
    () => new Set(Array.isArray(kept) ? (kept as readonly string[]) : columns.filter(({ isExtra = false }) => !isExtra).map((one) => one.id)),
    [kept, columns],
  );
  // The first names the row: without it nobody knows what the numbers are of.
  const shown = useMemo(() => columns.filter((one, i) => i === 0 || chosen.has(one.id)), [columns, chosen]);
  function save(): void {
    const rows = items.map((item) => columns.map(({ raw }) => raw(item)));
    download(`${file}.csv`, csv([columns.map(({ title }) => title), ...rows]), 'text/csv');
  }
  return (
    <List
      label={label}
      items={items}
      id={id}
      columns={shown}
      text={text}
      href={href}
      controls={
        <>
          {controls}
          <MenuTrigger>
            <ActionButton><Settings /><Text>{t('columns')}</Text></ActionButton>
            <Menu
              aria-label={t('columns')}
              selectionMode="multiple"
              selectedKeys={chosen}
              onSelectionChange={(keys) => setUrl({ columns: keys === 'all' ? columns.map((one) => one.id) : [...keys].map(String) })}
            >
              {columns.slice(1).map((one) => <MenuItem key={one.id} id={one.id}>{one.title}</MenuItem>)}
            </Menu>
          </MenuTrigger>
          <ActionButton onPress={save} isDisabled={items.length === 0}><Export /><Text>{t('export')}</Text></ActionButton>
        </>
      }
    />
  );
}
