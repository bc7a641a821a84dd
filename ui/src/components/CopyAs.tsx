import { ActionButton, Menu, MenuItem, MenuTrigger, Text } from '@react-spectrum/s2';
import Copy from '@react-spectrum/s2/icons/Copy';
import { useShortcut } from '../app/shortcuts';
import { t } from '../messages/common';
import { asCurl, type Descriptor } from './copy';
import { toast } from './toast';

/** The same from a terminal: curl (the token is `$TOKEN`), the command line, YAML. Key `c` copies the command. */
export function CopyAs({ call, of }: { readonly call: Descriptor; /** What is copied, where it is not the page itself. */ readonly of?: string }) {
  const name = of === undefined ? t('copyAs') : t('copyAsOf', { what: of });
  async function copy(way: string): Promise<void> {
    const text =
      way === 'curl' ? asCurl(call) : way === 'cli' ? (call.cli ?? '') : typeof call.yaml === 'function' ? await call.yaml() : (call.yaml ?? '');
    await navigator.clipboard.writeText(text);
    toast.done(t('copied'));
  }
  const start = (way: string) => {
    copy(way).catch((error: unknown) => toast.failed(error));
  };
  useShortcut('c', t('copyCliShortcut'), () => start('cli'), call.cli !== undefined);
  return (
    <MenuTrigger>
      <ActionButton aria-label={name}><Copy /><Text>{t('copyAs')}</Text></ActionButton>
      <Menu aria-label={name} onAction={(way) => start(String(way))}>
        <MenuItem id="curl">{t('copyCurl')}</MenuItem>
        {call.cli !== undefined && <MenuItem id="cli">{t('copyCli')}</MenuItem>}
        {call.yaml !== undefined && <MenuItem id="yaml">{t('copyYaml')}</MenuItem>}
      </Menu>
    </MenuTrigger>
  );
}
