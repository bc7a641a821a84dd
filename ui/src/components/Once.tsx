import { ActionButton, Text } from '@react-spectrum/s2';
import Copy from '@react-spectrum/s2/icons/Copy';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { t } from '../messages/common';
import { toast } from './toast';

const box = style({ display: 'flex', flexWrap: 'wrap', columnGap: 8, rowGap: 8, alignItems: 'center' });
const value = style({
  font: 'code', overflowWrap: 'anywhere', paddingX: 8, paddingY: 4, borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', borderRadius: 'default',
  minWidth: 0,
});

interface Props {
  readonly label: string;
  readonly secret: string;
}

/** A secret that is shown this once: to copy, in no cache and no URL. */
export function Once({ label, secret }: Props) {
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(secret);
      toast.done(t('copied'));
    } catch (error) {
      toast.failed(error);
    }
  }
  return (
    <div className={box} role="group" aria-label={label}>
      <code className={value}>{secret}</code>
      <ActionButton onPress={() => void copy()}><Copy /><Text>{t('copySecret')}</Text></ActionButton>
    </div>
  );
}
