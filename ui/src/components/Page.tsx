import { Link, Tab, TabList, TabPanel, Tabs } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useRouterState } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import { clearAnnouncer } from 'react-aria/private/live-announcer/LiveAnnouncer';
import { useUrl } from '../app/go';
import { remember } from '../app/recent';
import { t as frame } from '../messages/frame';
import { Verbatim } from './Verbatim';
import { visible } from './visible';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const trail = style({ display: 'flex', flexWrap: 'wrap', columnGap: 8, rowGap: 4, font: 'ui', listStyleType: 'none', margin: 0, padding: 0, overflowWrap: 'anywhere' });
const current = style({ fontWeight: 'bold', minWidth: 0 });
const head = style({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', columnGap: 16, rowGap: 8 });
const h1 = style({ font: 'heading-lg', margin: 0, overflowWrap: 'anywhere', outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineOffset: 2, outlineWidth: 2, borderRadius: 'sm' });
const buttons = style({ display: 'flex', flexWrap: 'wrap', gap: 8, marginStart: 'auto' });
const panel = style({ paddingTop: 16, minWidth: 0 });

export interface TabOf {
  readonly id: string;
  readonly title: string;
  readonly content: ReactNode;
}

interface Props {
  readonly title: string;
  /** What is above this page: `[{ title: t('flows'), href: to.flows() }]`. */
  readonly breadcrumbs?: readonly { readonly title: string; readonly href: string }[];
  /** Beside the title, usually a `Status`. */
  readonly status?: ReactNode;
  /** Buttons at the end of the title's line, the most important last; `CopyAs` belongs here too. */
  readonly actions?: ReactNode;
  /** The chosen one is `?tab=` in the URL; the first is the default. Only the chosen one is rendered. */
  readonly tabs?: readonly TabOf[];
  readonly children?: ReactNode;
}

let isFirstPage = true;

/** The outline of every page: where it is, what it is called, how it is, what can be done, its tabs and content. */
export function Page({ title, breadcrumbs = [], status, actions, tabs, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const [{ tab }, setUrl] = useUrl();
  useEffect(() => {
    // What was said of a busy button names it by its id: with the button gone, nothing is left to say.
    clearAnnouncer('assertive');
    // A reader of the screen hears where a link has led; the first page is announced by the browser.
    if (!isFirstPage) heading.current?.focus();
    isFirstPage = false;
  }, [pathname]);
  const isObject = breadcrumbs.length > 0;
  useEffect(() => {
    document.title = `${visible(title)} · ${frame('product')}`;
    if (isObject) remember({ title, href: pathname });
  }, [title, pathname, isObject]);
  const chosen = tabs?.find((one) => one.id === tab) ?? tabs?.[0];
  return (
    <div className={column}>
      {breadcrumbs.length > 0 && (
        // Spectrum's own folds by a measure that it takes before the fonts are there, and then loses the last one.
        <nav aria-label={frame('breadcrumbs')}>
          <ol className={trail}>
            {breadcrumbs.map((one) => <li key={one.href}><Link href={one.href} isQuiet variant="secondary"><Verbatim>{one.title}</Verbatim></Link> <span aria-hidden>›</span></li>)}
            <li className={current}><span aria-current="page"><Verbatim>{title}</Verbatim></span></li>
          </ol>
        </nav>
      )}
      <div className={head}>
        <h1 ref={heading} tabIndex={-1} className={h1}><Verbatim>{title}</Verbatim></h1>
        {status}
        {actions !== undefined && <div className={buttons}>{actions}</div>}
      </div>
      {children}
      {tabs !== undefined && chosen !== undefined && (
        <Tabs aria-label={visible(title)} selectedKey={chosen.id} onSelectionChange={(id) => setUrl({ tab: id === tabs[0]?.id ? undefined : String(id) })}>
          <TabList>{tabs.map((one) => <Tab key={one.id} id={one.id}>{one.title}</Tab>)}</TabList>
          {tabs.map((one) => (
            <TabPanel key={one.id} id={one.id}><div className={panel}>{one.content}</div></TabPanel>
          ))}
        </Tabs>
      )}
    </div>
  );
}
