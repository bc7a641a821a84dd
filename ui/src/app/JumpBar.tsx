import { Content, Dialog, DialogContainer, Heading, Menu, MenuItem, SearchField, Text } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useEffect, useState } from 'react';
import { Autocomplete } from 'react-aria-components/Autocomplete';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/frame';
import { useGo } from './go';
import { find, type Target } from './jump';
import { wanted } from './wanted';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 8, minHeight: 320, overflowWrap: 'anywhere' });
const said = style({ font: 'ui-sm', color: 'neutral-subdued' });

/** Ctrl K: pages and objects by name or id. */
export default function JumpBar({ onClose }: { readonly onClose: () => void }) {
  const [query, setQuery] = useState('');
  const [found, setFound] = useState<readonly Target[]>([]);
  const go = useGo();
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      void find(query.trim(), stop.signal).then((targets) => {
        if (!stop.signal.aborted) setFound(targets);
      });
    }, query === '' ? 0 : 120);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [query]);
  return (
    <DialogContainer onDismiss={onClose}>
      <Dialog size="M" isDismissible>
        <Heading slot="title">{t('jumpTitle')}</Heading>
        <Content>
          <Autocomplete inputValue={query} onInputChange={setQuery}>
            <div className={column}>
              <SearchField
                // The dialog has one purpose: to type here.
                // eslint-disable-next-line jsx-a11y/no-autofocus
                autoFocus
                label={t('jumpHelp')}
                styles={style({ width: 'full' })}
              />
              <span role="status" className={said}>
                {query !== '' && found.length === 0 ? t('jumpNothing', { query }) : t('jumpFound', { count: found.length })}
              </span>
              {found.length > 0 && (
                <Menu
                  aria-label={t('jumpTitle')}
                  items={found}
                  onAction={(id) => {
                    const target = found.find((one) => one.id === id);
                    onClose();
                    if (target?.action !== undefined) wanted.set(target.action);
                    else if (target !== undefined) go(target.href);
                  }}
                >
                  {(target) => (
                    <MenuItem id={target.id} textValue={target.title}>
                      <Text slot="label"><Verbatim>{target.title}</Verbatim></Text>
                      <Text slot="description">{target.kind}</Text>
                    </MenuItem>
                  )}
                </Menu>
              )}
            </div>
          </Autocomplete>
        </Content>
      </Dialog>
    </DialogContainer>
  );
}
