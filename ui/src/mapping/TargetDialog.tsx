import { Button, ButtonGroup, Content, Dialog, DialogContainer, Heading } from '@react-spectrum/s2';
import { useState } from 'react';
import { t as common } from '../messages/common';
import { t } from '../messages/mapping';
import type { TargetField } from './model';
import { TargetBox } from './RuleDialog';

interface Props {
  readonly name: string;
  readonly fields: readonly TargetField[];
  readonly value: string;
  readonly allowsNewFields: boolean;
  readonly onChoose: (path: string) => void;
  readonly onClose: () => void;
}

/** The target picker of a line. */
export function TargetDialog({ name, fields, value, allowsNewFields, onChoose, onClose }: Props) {
  const [path, setPath] = useState(value);
  return (
    <DialogContainer onDismiss={onClose}>
      <Dialog size="S">
        <Heading slot="title">{t('pickTitle', { name })}</Heading>
        <Content>
          <TargetBox label={t('target')} fields={fields} value={path} allowsNewFields={allowsNewFields} onChange={setPath} takesFocus />
        </Content>
        <ButtonGroup>
          <Button variant="secondary" onPress={onClose}>{common('cancel')}</Button>
          <Button variant="accent" isDisabled={path === ''} onPress={() => { onChoose(path); onClose(); }}>{t('done')}</Button>
        </ButtonGroup>
      </Dialog>
    </DialogContainer>
  );
}
