import { ActionButton, Menu, MenuItem, MenuSection, MenuTrigger, Text } from '@react-spectrum/s2';
import View from '@react-spectrum/s2/icons/Bookmark';
import { lazy, Suspense, useState } from 'react';
import { useGo, useUrl } from '../../app/go';
import { to } from '../../app/links';
import { useStore } from '../../app/store';
import { Dialogs } from '../../components/Dialogs';
import { toast } from '../../components/toast';
import { Verbatim } from '../../components/Verbatim';
import { visible } from '../../components/visible';
import { Pending } from '../../components/Pending';
import { t } from '../../messages/flows';
import { addView, dropView, views } from './views';

const SaveView = lazy(() => import('./SaveView'));

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
            {[...Object.keys(kept).map((name) => <MenuItem key={`go:${name}`} id={`go:${name}`} textValue={visible(name)}><Verbatim>{name}</Verbatim></MenuItem>),
              <MenuItem key="save" id="save">{t('saveView')}</MenuItem>]}
          </MenuSection>
          <MenuSection aria-label={t('delete')}>
            {Object.keys(kept).map((name) => <MenuItem key={`drop:${name}`} id={`drop:${name}`}>{t('deleteView', { name })}</MenuItem>)}
          </MenuSection>
        </Menu>
      </MenuTrigger>
      <Dialogs onDismiss={() => setSaving(false)}>
        {isSaving && (
          <Suspense fallback={<Pending />}>
            <SaveView
              onClose={() => setSaving(false)}
              onSave={(name) => {
                addView(name, url);
                setSaving(false);
                toast.done(t('viewSaved', { name }));
              }}
            />
          </Suspense>
        )}
      </Dialogs>
    </>
  );
}
