import { Button, ButtonGroup, Content, Dialog, Heading, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useState } from 'react';
import { t } from '../../messages/flows';

export default function SaveView({ onSave, onClose }: { readonly onSave: (name: string) => void; readonly onClose: () => void }) {
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
