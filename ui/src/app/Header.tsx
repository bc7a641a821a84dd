import { ActionButton, Menu, MenuItem, MenuSection, MenuTrigger, Header as SectionHeader, Heading, Text } from '@react-spectrum/s2';
import Help from '@react-spectrum/s2/icons/HelpCircle';
import Hamburger from '@react-spectrum/s2/icons/MenuHamburger';
import Search from '@react-spectrum/s2/icons/Search';
import Settings from '@react-spectrum/s2/icons/Settings';
import User from '@react-spectrum/s2/icons/User';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { Link, useNavigate, useParams, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/frame';
import { useGo } from './go';
import { Live } from './Live';
import { signOut, useSession } from './session';
import { change, type Theme, useSettings } from './settings';

const DemoMenu = lazy(() => import('../demo/DemoMenu'));

const bar = style({
  display: 'flex', flexWrap: 'wrap', alignItems: 'center', columnGap: 8, rowGap: 4, paddingX: { default: 8, lg: 16 }, paddingY: 8,
  font: 'ui', minWidth: 0,
});
const logo = style({
  display: 'flex', alignItems: 'center', columnGap: 8, font: 'title', color: 'heading', textDecoration: 'none', borderRadius: 'default',
});
const mark = style({ size: 24, flexShrink: 0 });
const grow = style({ flexGrow: 1 });
const onlySmall = style({ display: { default: 'flex', lg: 'none' } });
const marker = style({
  font: 'ui-sm', fontWeight: 'bold', paddingX: 8, paddingY: 2, marginEnd: 8, borderRadius: 'sm',
  color: 'neutral',
  backgroundColor: { default: 'gray-200', isProduction: 'orange-400' },
});
const keys = style({ display: { default: 'none', lg: 'inline' }, font: 'ui-sm', color: 'neutral-subdued', marginStart: 8 });
const wide = style({ display: { default: 'none', sm: 'inline' } });

interface Props {
  readonly onJump: () => void;
  readonly onHelp: () => void;
  readonly isMenuOpen: boolean;
  readonly onMenu: () => void;
}

export function Header({ onJump, onHelp, isMenuOpen, onMenu }: Props) {
  const { demo } = useSession();
  return (
    <header className={bar}>
      <div className={onlySmall}>
        <ActionButton isQuiet aria-label={t('menu')} aria-expanded={isMenuOpen} aria-controls="navigation" onPress={onMenu}>
          <Hamburger />
        </ActionButton>
      </div>
      <Link to="/" className={logo}>
        <img className={mark} src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" />
        {t('product')}
      </Link>
      <Sandboxes />
      <div className={grow} />
      {demo && <Suspense><DemoMenu /></Suspense>}
      <ActionButton onPress={onJump} aria-label={t('openJump')} aria-keyshortcuts="Control+K">
        <Search />
        <Text><span className={wide}>{t('jump')}</span><span className={keys}>Ctrl K</span></Text>
      </ActionButton>
      <Live />
      <ActionButton isQuiet aria-label={t('help')} onPress={onHelp}><Help /></ActionButton>
      <Display />
      <UserMenu />
    </header>
  );
}

/** Another sandbox shows the same page, and never an object of the one that is left. */
function Sandboxes() {
  const { sandboxes } = useSession();
  const { sandbox = '' } = useParams({ strict: false });
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const go = useGo();
  const shown = sandboxes.find((s) => s.name === sandbox);
  const production = shown?.type === 'production';
  const kind = pathname.split('/').slice(2, pathname.includes('/admin/') ? 4 : 3).join('/');
  return (
    <MenuTrigger>
      <ActionButton aria-label={`${t('sandbox')}: ${sandbox}, ${production ? t('production') : t('development')}`}>
        <Text>
          <span className={marker({ isProduction: production })}>{production ? t('production') : t('development')}</span>
          {sandbox}
        </Text>
      </ActionButton>
      <Menu
        aria-label={t('sandbox')}
        selectionMode="single"
        selectedKeys={[sandbox]}
        disallowEmptySelection
        onSelectionChange={(chosen) => {
          const [name] = chosen === 'all' ? [] : [...chosen];
          if (name !== undefined && name !== sandbox) go(`/${encodeURIComponent(String(name))}${kind && `/${kind}`}`);
        }}
      >
        {sandboxes.map((s) => (
          <MenuItem key={s.name} id={s.name} textValue={s.name}>
            <Text slot="label"><Verbatim>{s.title || s.name}</Verbatim></Text>
            <Text slot="description">
              {s.name} · {s.type === 'production' ? t('production') : t('development')}
            </Text>
          </MenuItem>
        ))}
      </Menu>
    </MenuTrigger>
  );
}

function Display() {
  const { theme, zone, locale, pseudo } = useSettings();
  const language = pseudo ? 'pseudo' : locale.startsWith('ar') ? 'ar' : 'en-US';
  return (
    <MenuTrigger>
      <ActionButton isQuiet aria-label={`${t('display')}: ${zone === 'utc' ? t('utc') : t('local')}`}>
        <Settings />
        <Text><span className={wide}>{zone === 'utc' ? t('utc') : t('local')}</span></Text>
      </ActionButton>
      <Menu aria-label={t('display')}>
        <Choice label={t('times')} chosen={zone} options={[['local', t('local')], ['utc', t('utc')]]}
          onChoose={(value) => change({ zone: value as 'utc' | 'local' })} />
        <Choice label={t('theme')} chosen={theme} options={[['system', t('system')], ['light', t('light')], ['dark', t('dark')]]}
          onChoose={(value) => change({ theme: value as Theme })} />
        <Choice label={t('language')} chosen={language} options={[['en-US', t('english')], ['pseudo', t('pseudo')], ['ar', t('rtl')]]}
          onChoose={(value) => change({ pseudo: value === 'pseudo', locale: value === 'pseudo' ? 'en-US' : value })} />
      </Menu>
    </MenuTrigger>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly chosen: string;
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly onChoose: (value: string) => void;
}

function Choice({ label, chosen, options, onChoose }: ChoiceProps) {
  return (
    <MenuSection
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

function UserMenu() {
  const { client } = useSession();
  const name = client.name ?? client.id;
  const navigate = useNavigate();
  return (
    <MenuTrigger>
      <ActionButton isQuiet aria-label={t('user', { name })}><User /></ActionButton>
      <Menu
        aria-label={t('user', { name })}
        onAction={() => {
          void signOut().finally(() => navigate({ to: '/-/sign-in' }));
        }}
      >
        <MenuSection>
          <SectionHeader><Heading>{name}</Heading></SectionHeader>
          <MenuItem id="out">{t('signOut')}</MenuItem>
        </MenuSection>
      </Menu>
    </MenuTrigger>
  );
}
