import { Badge, Link } from '@react-spectrum/s2';
import Alert from '@react-spectrum/s2/icons/AlertTriangle';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { type KeyboardEvent, type ReactNode, useRef, useState } from 'react';
import { useGo } from '../../app/go';
import { BASE, to } from '../../app/links';
import { t } from '../../messages/catalogue';
import type { Source } from '../../sources/specs';

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 24, minWidth: 0 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12 });
const h2 = style({ font: 'heading-sm', margin: 0 });
const grid = style({
  display: 'grid', gap: 16, gridTemplateColumns: { default: '[repeat(auto-fill, minmax(min(100%, 280px), 1fr))]' }, margin: 0, padding: 0, listStyleType: 'none',
});
const card = style({
  display: 'flex', flexDirection: 'column', rowGap: 8, padding: 16, borderRadius: 'lg', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300',
  backgroundColor: 'elevated', boxSizing: 'border-box', minWidth: 0, height: 'full',
});
const title = style({
  font: 'title', textDecoration: { default: 'none', ':hover': 'underline' }, color: 'heading', overflowWrap: 'anywhere', borderRadius: 'sm',
  outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2, outlineOffset: 2,
});
const text = style({ font: 'ui', margin: 0 });
const badges = style({ display: 'flex', flexWrap: 'wrap', gap: 4 });
const foot = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 4, alignItems: 'center', marginTop: 'auto', paddingTop: 8, font: 'ui' });
const warning = style({ display: 'flex', columnGap: 4, font: 'ui-sm', margin: 0 });
const small = style({ font: 'ui-sm', color: 'neutral-subdued', margin: 0 });

interface Props {
  readonly sources: readonly Source[];
  readonly numbers: ReadonlyMap<string, number> | undefined;
  readonly href: (source: Source) => string;
}

/** The cards by category. One tab stop: the arrow keys move over all of them, as they stand on the screen. */
export function Cards({ sources, numbers, href }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState<string>();
  const first = sources.some((one) => one.id === current) ? current : sources[0]?.id;
  const categories = [...new Set(sources.map((one) => one.category))];

  function move(event: KeyboardEvent): void {
    const links = [...(box.current?.querySelectorAll<HTMLElement>('[data-card] a[data-title]') ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    if (at < 0) return;
    const target = next(links, at, event.key);
    if (target === undefined) return;
    event.preventDefault();
    target.focus();
  }

  return (
    // The keys only move between links, which are what is operated.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div ref={box} className={stack} onKeyDown={move}>
      {categories.map((category) => (
        <section key={category} className={section} aria-label={category}>
          <h2 className={h2}>{category}</h2>
          <ul className={grid}>
            {sources.filter((one) => one.category === category).map((one) => (
              <Card key={one.id} source={one} number={numbers?.get(one.id) ?? 0} areNumbersKnown={numbers !== undefined} href={href(one)}
                isStop={one.id === first} onFocus={() => setCurrent(one.id)} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

/** The neighbour of a card on the screen. */
function next(links: readonly HTMLElement[], at: number, key: string): HTMLElement | undefined {
  const isRtl = getComputedStyle(links[at] as HTMLElement).direction === 'rtl';
  if (key === (isRtl ? 'ArrowLeft' : 'ArrowRight')) return links[at + 1];
  if (key === (isRtl ? 'ArrowRight' : 'ArrowLeft')) return links[at - 1];
  if (key === 'Home') return links[0];
  if (key === 'End') return links.at(-1);
  if (key !== 'ArrowDown' && key !== 'ArrowUp') return undefined;
  const place = (one: HTMLElement) => (one.closest('[data-card]') as HTMLElement).getBoundingClientRect();
  const from = place(links[at] as HTMLElement);
  const beyond = links
    .map((link) => ({ link, box: place(link) }))
    .filter(({ box }) => (key === 'ArrowDown' ? box.top > from.top + 4 : box.top < from.top - 4));
  const row = key === 'ArrowDown' ? Math.min(...beyond.map(({ box }) => box.top)) : Math.max(...beyond.map(({ box }) => box.top));
  return beyond
    .filter(({ box }) => Math.abs(box.top - row) < 4)
    .sort((a, b) => Math.abs(a.box.left - from.left) - Math.abs(b.box.left - from.left))[0]?.link;
}

interface CardProps {
  readonly source: Source;
  readonly number: number;
  readonly areNumbersKnown: boolean;
  readonly href: string;
  readonly isStop: boolean;
  readonly onFocus: () => void;
}

function Card({ source, number, areNumbersKnown, href, isStop, onFocus }: CardProps) {
  const { title: name, description, kind, isRunnable, reason, isBeta, id } = source;
  const go = useGo();
  const action = number > 0 ? t('addData') : t('setUp');
  return (
    <li className={card} data-card>
      <a
        href={BASE + href} data-title aria-label={number > 0 ? t('addDataOf', { name }) : t('setUpOf', { name })} className={title}
        tabIndex={isStop ? 0 : -1} onFocus={onFocus}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          go(href);
        }}
      >
        {name}
      </a>
      <p className={text}>{description}</p>
      <div className={badges}>
        {isBeta && <Badge size="S" variant="notice" fillStyle="subtle">{t('beta')}</Badge>}
        <Badge size="S" variant="neutral" fillStyle="subtle">{kind === 'files' ? t('files') : kind === 'stream' ? t('streams') : t('tables')}</Badge>
        {isRunnable && <Badge size="S" variant="neutral" fillStyle="subtle">{t('incremental')}</Badge>}
        {isRunnable && <Badge size="S" variant="positive" fillStyle="subtle">{t('exactlyOnce')}</Badge>}
      </div>
      {isRunnable && <p className={small}>{kind === 'files' ? t('incrementalFiles') : t('incrementalTable')} {t('exactlyOnceWhy')}</p>}
      {!isRunnable && reason !== undefined && (
        <p className={warning}><Alert styles={iconStyle({ size: 'S', color: 'notice' })} aria-hidden /><span>{t('cannotRun', { reason })} {t('canStore')}</span></p>
      )}
      <div className={foot}>
        {areNumbersKnown && (number > 0
          ? <Link href={to.accounts({ spec: id })}>{t('accounts', { count: number })}</Link>
          : <span className={small}>{t('noAccounts')}</span>)}
        <Act onPress={() => go(href)}>{action}</Act>
      </div>
    </li>
  );
}

/** The same as the card's title, for the mouse: the title is the one that the keyboard and readers use. */
function Act({ children, onPress }: { readonly children: ReactNode; readonly onPress: () => void }) {
  return (
    <span aria-hidden className={act} onClick={onPress}>{children}</span>
  );
}
const act = style({ font: 'ui', fontWeight: 'bold', color: 'accent', cursor: 'pointer', marginStart: 'auto', textDecoration: { default: 'none', ':hover': 'underline' } });
