import { Button, ButtonGroup, Content, Dialog, Heading, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { clearAnnouncer } from 'react-aria/private/live-announcer/LiveAnnouncer';
import { useEffect, useState } from 'react';
import { t } from '../messages/common';
import type { Question } from './Confirm';
import { ErrorBox } from './ErrorBox';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'body' });

/** The question itself, loaded when it is asked. */
export default function ConfirmDialog({ title, consequence, action, isDestructive = false, dismiss = t('cancel'), typeName, other, onConfirm, onClose }: Question & { readonly onClose: () => void }) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  // What was said of the busy button names it by its id, which is gone with the dialog.
  useEffect(() => () => clearAnnouncer('assertive'), []);
  async function confirm(): Promise<void> {
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  return (
    <Dialog role="alertdialog" size="S">
      <Heading slot="title">{title}</Heading>
      <Content>
        <div className={column}>
          {consequence}
          {typeName !== undefined && (
            <TextField label={t('typeName', { name: typeName })} value={typed} onChange={setTyped} autoComplete="off" styles={style({ width: 'full' })} />
          )}
          {error !== undefined && <ErrorBox error={error} />}
        </div>
      </Content>
      <ButtonGroup>
        <Button variant="secondary" onPress={onClose}>{dismiss}</Button>
        {other !== undefined && <Button variant="secondary" onPress={() => { onClose(); other.onPress(); }}>{other.action}</Button>}
        <Button
          variant={isDestructive ? 'negative' : 'accent'}
          isPending={busy}
          isDisabled={typeName !== undefined && typed !== typeName}
          onPress={() => void confirm()}
        >
          {action}
        </Button>
      </ButtonGroup>
    </Dialog>
  );
}
