import { ActionButton, Header as SectionHeader, Heading, Menu, MenuItem, MenuSection, MenuTrigger, Text } from '@react-spectrum/s2';
import More from '@react-spectrum/s2/icons/More';
import Settings from '@react-spectrum/s2/icons/Settings';
import User from '@react-spectrum/s2/icons/User';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useNavigate } from '@tanstack/react-router';
import { liveState, pauseLive, resumeLive } from '../api/live';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/frame';
import { useGo } from './go';
import { wordOf } from './Live';
import { to } from './links';
import { signOut, useSession } from './session';
import { change, type Theme, useSettings } from './settings';
import { useStore } from './store';
import { initialsOf, nameOf } from './who';

const badge = style({
  display: 'flex', alignItems: 'center', justifyContent: 'center', size: 24, borderRadius: 'full', backgroundColor: 'gray-200', color: 'neutral', font: 'ui-xs', fontWeight: 'bold',
});

/** How times, colours and words are shown. */
export function Display() {
  const { zone } = useSettings();
  return (
    <MenuTrigger>
      <ActionButton isQuiet aria-label={`${t('display')}: ${zone === 'utc' ? t('utc') : t('local')}`}>
        <Settings />
        <Text>{zone === 'utc' ? t('utc') : t('local')}</Text>
      </ActionButton>
      <Menu aria-label={t('display')}>{useChoices()}</Menu>
    </MenuTrigger>
  );
}

export function UserMenu() {
  const { client } = useSession();
  const leave = useLeave();
  const initials = initialsOf(client);
  return (
    <MenuTrigger>
      <ActionButton isQuiet aria-label={t('user', { name: nameOf(client) })}>
        {initials === undefined ? <User /> : <Text><span className={badge}>{initials}</span></Text>}
      </ActionButton>
      <Menu aria-label={t('user', { name: nameOf(client) })} onAction={leave}>
        <MenuSection>
          <Who />
          <MenuItem id="out">{t('signOut')}</MenuItem>
        </MenuSection>
      </Menu>
    </MenuTrigger>
  );
}

/** Where there is no room for buttons: all that they do. */
export function MoreMenu({ onHelp }: { readonly onHelp: () => void }) {
  const { demo } = useSession();
  const live = useStore(liveState);
  const leave = useLeave();
  const go = useGo();
  const acts: Readonly<Record<string, () => void>> = {
    live: live === 'paused' ? resumeLive : pauseLive, help: onHelp, demo: () => go(to.start()), out: leave,
  };
  return (
    <MenuTrigger>
      <ActionButton isQuiet aria-label={live === 'off' || live === 'live' ? t('more') : t('moreLive', { live: wordOf(live) })}><More /></ActionButton>
      <Menu aria-label={t('more')} onAction={(key) => acts[String(key)]?.()}>
        <MenuSection aria-label={t('page')}>
          {live !== 'off' && (
            <MenuItem id="live" textValue={live === 'paused' ? t('resume') : t('pause')}>
              <Text slot="label">{live === 'paused' ? t('resume') : t('pause')}</Text>
              <Text slot="description">{wordOf(live)}</Text>
            </MenuItem>
          )}
          <MenuItem id="help">{t('help')}</MenuItem>
          {demo && <MenuItem id="demo">{t('demo')}</MenuItem>}
        </MenuSection>
        {useChoices()}
        <MenuSection>
          <Who />
          <MenuItem id="out">{t('signOut')}</MenuItem>
        </MenuSection>
      </Menu>
    </MenuTrigger>
  );
}

function Who() {
  const { client } = useSession();
  return (
    <SectionHeader>
      <Heading><Verbatim>{nameOf(client)}</Verbatim></Heading>
      <Text slot="description"><Verbatim>{client.id}</Verbatim></Text>
    </SectionHeader>
  );
}

function useLeave(): () => void {
  const navigate = useNavigate();
  return () => void signOut().finally(() => navigate({ to: '/-/sign-in' }));
}

/** Not a component: a menu takes its sections from its own children only. */
function useChoices() {
  const { theme, zone, locale, pseudo } = useSettings();
  const language = pseudo ? 'pseudo' : locale.startsWith('ar') ? 'ar' : 'en-US';
  return [
    choice(t('times'), zone, [['local', t('local')], ['utc', t('utc')]], (value) => change({ zone: value as 'utc' | 'local' })),
    choice(t('theme'), theme, [['system', t('system')], ['light', t('light')], ['dark', t('dark')]], (value) => change({ theme: value as Theme })),
    choice(t('language'), language, [['en-US', t('english')], ['pseudo', t('pseudo')], ['ar', t('rtl')]],
      (value) => change({ pseudo: value === 'pseudo', locale: value === 'pseudo' ? 'en-US' : value })),
  ];
}

function choice(label: string, chosen: string, options: readonly (readonly [value: string, text: string])[], onChoose: (value: string) => void) {
  return (
    <MenuSection
      key={label}
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[chosen]}
      onSelectionChange={(keys) => {
        const [value] = keys === 'all' ? [] : [...keys];
        if (value !== undefined) onChoose(String(value));
      }}
    >
      <SectionHeader><Heading>{label}</Heading></SectionHeader>
      {options.map(([value, text]) => <MenuItem key={value} id={value}>{text}</MenuItem>)}
    </MenuSection>
  );
}
