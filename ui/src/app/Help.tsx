import { Content, Dialog, DialogContainer, Heading, Switch } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { t } from '../messages/frame';
import { change, useSettings } from './settings';
import { shortcuts } from './shortcuts';
import { useStore } from './store';

const table = style({ width: 'full', borderSpacing: 0, font: 'ui', marginTop: 16 });
const cell = style({ textAlign: 'start', paddingY: 4, paddingEnd: 16, font: 'ui' });
const key = style({
  font: 'code', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-400', borderRadius: 'sm', paddingX: 4, marginEnd: 4,
});

/** The shortcuts of the page that is shown. */
export default function Help({ onClose }: { readonly onClose: () => void }) {
  const all = useStore(shortcuts);
  const { keys } = useSettings();
  const last = new Map(all.map((s) => [s.keys, s]));
  return (
    <DialogContainer onDismiss={onClose}>
      <Dialog isDismissible size="M">
        <Heading slot="title">{t('shortcuts')}</Heading>
        <Content>
          <Switch isSelected={keys} onChange={(on) => change({ keys: on })}>{t('singleKeys')}</Switch>
          <p className={style({ font: 'body-sm' })}>{t('singleKeysHelp')}</p>
          <table className={table}>
            <thead>
              <tr><th className={cell} scope="col">{t('shortcutKey')}</th><th className={cell} scope="col">{t('shortcutDoes')}</th></tr>
            </thead>
            <tbody>
              {[...last.values()].map((s) => (
                <tr key={s.keys}>
                  <td className={cell}>{s.keys.split(' ').map((one) => <kbd key={one} className={key}>{shown(one)}</kbd>)}</td>
                  <td className={cell}>{s.label}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <a className={style({ font: 'ui', color: 'neutral' })} href="/docs/">{t('docs')}</a>
        </Content>
      </Dialog>
    </DialogContainer>
  );
}

function shown(keys: string): string {
  const mod = /mac/i.test(navigator.userAgent) ? '⌘ ' : 'Ctrl ';
  return keys.startsWith('mod+') ? mod + keys.slice(4).toUpperCase() : keys;
}
