import { ActionButton, Menu, MenuItem, MenuTrigger, Text } from '@react-spectrum/s2';
import Help from '@react-spectrum/s2/icons/HelpCircle';
import Hamburger from '@react-spectrum/s2/icons/MenuHamburger';
import Search from '@react-spectrum/s2/icons/Search';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { Link, useParams, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { Verbatim } from '../components/Verbatim';
import { Pending } from '../components/Pending';
import { t } from '../messages/frame';
import { useGo } from './go';
import { Live } from './Live';
import { Display, MoreMenu, UserMenu } from './Menus';
import { useSession } from './session';
import { useNarrow } from './useNarrow';

const DemoMenu = lazy(() => import('../demo/DemoMenu'));

const bar = style({
  display: 'flex', flexWrap: 'wrap', alignItems: 'center', columnGap: { default: 4, sm: 8 }, rowGap: 4, paddingX: { default: 8, lg: 16 }, paddingY: 8,
  font: 'ui', minWidth: 0,
});
const logo = style({
  display: 'flex', alignItems: 'center', columnGap: 8, font: 'title', color: 'heading', textDecoration: 'none', borderRadius: 'default',
});
const mark = style({ size: 24, flexShrink: 0 });
const grow = style({ flexGrow: 1 });
const onlySmall = style({ display: { default: 'flex', lg: 'none' } });
const marker = style({
  font: 'ui-sm', fontWeight: 'bold', paddingX: { default: 4, sm: 8 }, paddingY: 2, borderRadius: 'sm',
  color: 'neutral',
  backgroundColor: { default: 'gray-200', isProduction: 'orange-400' },
});
const named = style({ display: 'flex', alignItems: 'center', columnGap: { default: 4, sm: 8 } });
const short = style({ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', maxWidth: { default: 88, sm: 240 } });
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
  const isNarrow = useNarrow();
  return (
    <header className={bar}>
      <div className={onlySmall}>
        <ActionButton isQuiet aria-label={t('menu')} aria-expanded={isMenuOpen} aria-controls="navigation" onPress={onMenu}>
          <Hamburger />
        </ActionButton>
      </div>
      <Link to="/" className={logo}>
        <img className={mark} src={`${import.meta.env.BASE_URL}favicon.svg`} alt={isNarrow ? t('product') : ''} />
        <span className={wide}>{t('product')}</span>
      </Link>
      <Sandboxes />
      <div className={grow} />
      {demo && !isNarrow && <Suspense fallback={<Pending />}><DemoMenu /></Suspense>}
      <ActionButton onPress={onJump} aria-label={t('openJump')} aria-keyshortcuts="Control+K">
        <Search />
        {!isNarrow && <Text>{t('jump')}<span className={keys}>Ctrl K</span></Text>}
      </ActionButton>
      {isNarrow ? <MoreMenu onHelp={onHelp} /> : (
        <>
          <Live />
          <ActionButton isQuiet aria-label={t('help')} onPress={onHelp}><Help /></ActionButton>
          <Display />
          <UserMenu />
        </>
      )}
    </header>
  );
}

function kindOf(isProduction: boolean, isShort: boolean): string {
  if (isShort) return isProduction ? t('productionShort') : t('developmentShort');
  return isProduction ? t('production') : t('development');
}

/** Another sandbox shows the same page, and never an object of the one that is left. */
function Sandboxes() {
  const { sandboxes } = useSession();
  const { sandbox = '' } = useParams({ strict: false });
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const go = useGo();
  const shown = sandboxes.find((s) => s.name === sandbox);
  const isNarrow = useNarrow();
  const production = shown?.type === 'production';
  const kind = pathname.split('/').slice(2, pathname.includes('/admin/') ? 4 : 3).join('/');
  return (
    <MenuTrigger>
      <ActionButton aria-label={`${t('sandbox')}: ${sandbox}, ${production ? t('production') : t('development')}`}>
        <Text>
          <span className={named}>
            <span className={marker({ isProduction: production })}>{kindOf(production, isNarrow)}</span>
            <span className={short}>{sandbox}</span>
          </span>
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
