import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { Outlet, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState } from 'react';
import { lastRequest } from '../api/context';
import { t } from '../messages/frame';
import { Header } from './Header';
import { to } from './links';
import { Nav } from './Nav';
import { sessionEnded, useSession } from './session';
import { listen, useShortcut } from './shortcuts';
import { useGo } from './go';
import { useStore } from './store';
import { wanted } from './wanted';
import { toast } from '../components/toast';
import { Pending } from '../components/Pending';

const JumpBar = lazy(() => import('./JumpBar'));
const Help = lazy(() => import('./Help'));
const Renewal = lazy(() => import('./Renewal'));
const ActionHost = lazy(() => import('../flows/ActionHost'));

const skip = style({
  font: 'ui', position: 'absolute', top: 4, insetStart: 4, padding: 8, zIndex: 2, backgroundColor: 'neutral', color: 'white',
  borderRadius: 'default', translateY: { default: -96, ':focus': 0 },
});
const page = style({ display: 'flex', flexDirection: 'column', minHeight: 'screen', backgroundColor: 'layer-1' });
const middle = style({ display: 'flex', flexGrow: 1, flexDirection: { default: 'column', lg: 'row' }, minWidth: 0 });
const main = style({
  font: 'body', flexGrow: 1, minWidth: 0, padding: { default: 16, lg: 24 }, backgroundColor: 'base', boxSizing: 'border-box',
  borderTopStartRadius: { default: 'none', lg: 'lg' }, scrollMarginTop: 64, outlineStyle: 'none',
});
const footer = style({
  font: 'ui-sm', color: 'neutral-subdued', display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 4,
  paddingX: 16, paddingY: 8, backgroundColor: 'base', borderTopWidth: 1, borderXWidth: 0, borderBottomWidth: 0,
  borderStyle: 'solid', borderColor: 'gray-200',
});
const code = style({ font: 'code-sm', fontSize: 'ui-xs', overflowWrap: 'anywhere' });
const docs = style({ color: { default: 'neutral-subdued', ':hover': 'neutral' } });

/** Header, navigation and footer around a page of a sandbox, and the shortcuts that work everywhere. */
export function Frame() {
  const [open, setOpen] = useState<'jump' | 'help'>();
  const [menu, setMenu] = useState(false);
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const go = useGo();
  const hasEnded = useStore(sessionEnded);
  const isWanted = useStore(wanted) !== undefined;
  // Once something was asked for, its questions may still be open.
  const [hasActed, setActed] = useState(false);
  if (isWanted && !hasActed) setActed(true);
  useEffect(() => listen(), []);
  useEffect(() => setMenu(false), [pathname]);
  useShortcut('mod+k', t('openJump'), () => setOpen('jump'));
  useShortcut('?', t('showHelp'), () => setOpen('help'));
  useShortcut('g h', t('goHome'), () => go(to.home()));
  useShortcut('g s', t('goSources'), () => go(to.sources()));
  useShortcut('g f', t('goFlows'), () => go(to.flows()));
  useShortcut('g m', t('goMonitoring'), () => go(to.monitoring()));
  useShortcut('g d', t('goDatasets'), () => go(to.datasets()));
  useShortcut('/', t('searchPage'), focusSearch);
  useShortcut('y', t('copyLink'), () => {
    void navigator.clipboard.writeText(location.href).then(() => toast.done(t('linkCopied')));
  });
  return (
    <div className={page}>
      <a className={skip} href="#content">{t('skip')}</a>
      <Header onJump={() => setOpen('jump')} onHelp={() => setOpen('help')} isMenuOpen={menu} onMenu={() => setMenu(!menu)} />
      <div className={middle}>
        <Nav isOpen={menu} />
        <main id="content" tabIndex={-1} className={main}>
          <Outlet />
        </main>
      </div>
      <Footer />
      <Suspense fallback={<Pending />}>
        {open === 'jump' && <JumpBar onClose={() => setOpen(undefined)} />}
        {hasEnded && <Renewal />}
        {hasActed && <ActionHost />}
        {open === 'help' && <Help onClose={() => setOpen(undefined)} />}
      </Suspense>
    </div>
  );
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>('main input[type=search]')?.focus();
}

function Footer() {
  const request = useStore(lastRequest);
  const { version } = useSession();
  return (
    <footer className={footer}>
      <span>{t('lastRequest')}: <span className={code}>{request ?? t('noRequest')}</span></span>
      <span>{t('version', { version })}</span>
      <a className={docs} href="/docs/">{t('docs')}</a>
    </footer>
  );
}
