import { Button, ButtonGroup, Content, Dialog, DialogContainer, Heading, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { type ReactNode, useEffect, useState } from 'react';
import { clearAnnouncer } from 'react-aria/private/live-announcer/LiveAnnouncer';
import { t } from '../messages/common';
import { ErrorBox } from './ErrorBox';

export interface Question {
  readonly title: string;
  /** What will happen, and what remains. */
  readonly consequence: ReactNode;
  /** The word on the button: `Delete`, never `OK`. */
  readonly action: string;
  readonly isDestructive?: boolean;
  /** A name to be typed first, only when data would be lost. */
  readonly typeName?: string;
  /** The dialog stays open, with the error, if it fails. */
  readonly onConfirm: () => Promise<unknown>;
}

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'body' });

/** `const [dialog, ask] = useConfirm()`: render `dialog`, call `ask({…})`. The focus returns to where it was. */
export function useConfirm(): readonly [ReactNode, (question: Question) => void] {
  const [question, ask] = useState<Question>();
  return [
    <DialogContainer key="confirm" onDismiss={() => ask(undefined)}>
      {question !== undefined && <Confirm {...question} onClose={() => ask(undefined)} />}
    </DialogContainer>,
    ask,
  ];
}

function Confirm({ title, consequence, action, isDestructive = false, typeName, onConfirm, onClose }: Question & { readonly onClose: () => void }) {
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
        <Button variant="secondary" onPress={onClose}>{t('cancel')}</Button>
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
