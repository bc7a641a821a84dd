import { ActionButton, Header, Heading, Menu, MenuItem, MenuSection, MenuTrigger, Text } from '@react-spectrum/s2';
import Bug from '@react-spectrum/s2/icons/Bug';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useConfirm } from '../components/Confirm';
import { t } from '../messages/demo';
import { type Fault, FAULTS, faultText, faultWord, resetDemo, useDemo } from './useDemo';

const wide = style({ display: { default: 'none', md: 'inline' } });

/** In the header of a demo: break a source, repair it, begin anew. */
export default function DemoMenu() {
  const { fault, change } = useDemo();
  const [dialog, ask] = useConfirm();
  const reset = () => ask({ title: t('resetTitle'), consequence: t('resetText'), action: t('resetAction'), isDestructive: true, onConfirm: resetDemo });
  const word = t('current', { fault: faultWord[fault]() });
  return (
    <>
      <MenuTrigger>
        <ActionButton isQuiet aria-label={word}>
          <Bug />
          <Text><span className={wide}>{fault === 'none' ? t('demo') : word}</span></Text>
        </ActionButton>
        <Menu aria-label={t('demo')} onAction={(key) => { if (key === 'reset') reset(); }}>
          <MenuSection
            selectionMode="single"
            disallowEmptySelection
            selectedKeys={[fault]}
            onSelectionChange={(keys) => {
              const [chosen] = keys === 'all' ? [] : [...keys];
              if (chosen !== undefined && chosen !== fault) change.mutate(chosen as Fault);
            }}
          >
            <Header><Heading>{t('faults')}</Heading></Header>
            {FAULTS.map((one) => (
              <MenuItem key={one} id={one} textValue={faultWord[one]()}>
                <Text slot="label">{faultWord[one]()}</Text>
                <Text slot="description">{faultText[one]()}</Text>
              </MenuItem>
            ))}
          </MenuSection>
          <MenuSection aria-label={t('reset')}><MenuItem id="reset">{t('reset')}</MenuItem></MenuSection>
        </Menu>
      </MenuTrigger>
      {dialog}
    </>
  );
}
