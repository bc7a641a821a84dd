import { Button, ButtonGroup, Content, Dialog, Heading } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { Once } from './Once';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'body' });

interface Props {
  readonly title: string;
  readonly text: string;
  readonly label: string;
  readonly secret: string;
  /** The word on the only button, so that nobody leaves unaware. */
  readonly action: string;
  readonly onClose: () => void;
}

/** Tells a secret once. */
export function SecretDialog({ title, text, label, secret, action, onClose }: Props) {
  return (
    <Dialog size="M">
      <Heading slot="title">{title}</Heading>
      <Content><div className={column}><span>{text}</span><Once label={label} secret={secret} /></div></Content>
      <ButtonGroup><Button variant="accent" onPress={onClose}>{action}</Button></ButtonGroup>
    </Dialog>
  );
}
