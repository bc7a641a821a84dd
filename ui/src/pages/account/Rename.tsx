import { Button, ButtonGroup, Content, Dialog, DialogContainer, Heading, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useState } from 'react';
import { ErrorBox } from '../../components/ErrorBox';
import { toast } from '../../components/toast';
import { t } from '../../messages/account';
import { t as common } from '../../messages/common';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16 });
const full = style({ width: 'full' });

interface Props {
  readonly name: string;
  readonly description: string;
  readonly onChange: (operations: readonly object[]) => Promise<void>;
  readonly onClose: () => void;
}

export function Rename({ name: before, description: told, onChange, onClose }: Props) {
  const [name, setName] = useState(before);
  const [description, setDescription] = useState(told);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  async function save(): Promise<void> {
    setBusy(true);
    try {
      await onChange([
        { op: 'replace', path: '/name', value: name.trim() },
        { op: told === '' ? 'add' : 'replace', path: '/description', value: description.trim() },
      ]);
      toast.done(t('saved'));
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  return (
    <DialogContainer onDismiss={onClose}>
      <Dialog size="S">
        <Heading slot="title">{t('edit')}</Heading>
        <Content>
          <div className={column}>
            <TextField label={t('name')} value={name} onChange={setName} isRequired autoComplete="off" styles={full} />
            <TextField label={t('description')} value={description} onChange={setDescription} autoComplete="off" styles={full} />
            {error !== undefined && <ErrorBox error={error} />}
          </div>
        </Content>
        <ButtonGroup>
          <Button variant="secondary" onPress={onClose}>{common('cancel')}</Button>
          <Button variant="accent" isPending={busy} isDisabled={name.trim() === ''} onPress={() => void save()}>{t('save')}</Button>
        </ButtonGroup>
      </Dialog>
    </DialogContainer>
  );
}
