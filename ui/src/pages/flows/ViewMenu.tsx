import { ActionButton, Button, ButtonGroup, Content, Dialog, DialogContainer, Heading, Menu, MenuItem, MenuSection, MenuTrigger, Text, TextField } from '@react-spectrum/s2';
import View from '@react-spectrum/s2/icons/Bookmark';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useState } from 'react';
import { useGo, useUrl } from '../../app/go';
import { to } from '../../app/links';
import { toast } from '../../components/toast';
import { t } from '../../messages/flows';
import { addView, dropView, views } from './views';
import { useStore } from '../../app/store';

/** Named states of this page's URL, kept in this browser. */
export function ViewMenu() {
  const kept = useStore(views);
  const [url] = useUrl();
  const go = useGo();
  const [isSaving, setSaving] = useState(false);
  return (
    <>
      <MenuTrigger>
        <ActionButton><View /><Text>{t('views')}</Text></ActionButton>
        <Menu
          aria-label={t('views')}
          onAction={(key) => {
            const [what, name = ''] = String(key).split(/:(.*)/s);
            if (what === 'save') setSaving(true);
            else if (what === 'drop') dropView(name);
            else go(to.flows(kept[name]));
          }}
        >
          <MenuSection aria-label={t('views')}>
            {[...Object.keys(kept).map((name) => <MenuItem key={`go:${name}`} id={`go:${name}`}>{name}</MenuItem>),
              <MenuItem key="save" id="save">{t('saveView')}</MenuItem>]}
          </MenuSection>
          <MenuSection aria-label={t('delete')}>
            {Object.keys(kept).map((name) => <MenuItem key={`drop:${name}`} id={`drop:${name}`}>{t('deleteView', { name })}</MenuItem>)}
          </MenuSection>
        </Menu>
      </MenuTrigger>
      <DialogContainer onDismiss={() => setSaving(false)}>
        {isSaving && (
          <Save
            onClose={() => setSaving(false)}
            onSave={(name) => {
              addView(name, url);
              setSaving(false);
              toast.done(t('viewSaved', { name }));
            }}
          />
        )}
      </DialogContainer>
    </>
  );
}

function Save({ onSave, onClose }: { readonly onSave: (name: string) => void; readonly onClose: () => void }) {
  const [name, setName] = useState('');
  return (
    <Dialog size="S">
      <Heading slot="title">{t('saveView')}</Heading>
      <Content>
        <TextField label={t('viewName')} description={t('viewHelp')} value={name} onChange={setName} maxLength={80} styles={style({ width: 'full' })} />
      </Content>
      <ButtonGroup>
        <Button variant="secondary" onPress={onClose}>{t('cancel')}</Button>
        <Button variant="accent" isDisabled={name.trim() === ''} onPress={() => onSave(name.trim())}>{t('save')}</Button>
      </ButtonGroup>
    </Dialog>
  );
}
