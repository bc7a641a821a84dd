import { ActionButton, Picker, PickerItem, SearchField, Text, ToggleButton } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { useUrl } from '../app/go';
import { settings, useSettings, zoneOf } from '../app/settings';
import { useShortcut } from '../app/shortcuts';
import { t } from '../messages/common';
import { Verbatim } from './Verbatim';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export interface Line {
  readonly seq: number;
  readonly at: number;
  readonly level: Level;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

interface Props {
  readonly label: string;
  readonly lines: readonly Line[];
  /** More lines come: the view can follow the end. */
  readonly isLive?: boolean;
  readonly height?: number;
}

const levels: readonly Level[] = ['debug', 'info', 'warn', 'error'];
const marks: Readonly<Record<Level, string>> = { debug: 'DBG', info: 'INF', warn: 'WRN', error: 'ERR' };

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 8, rowGap: 8, alignItems: 'end' });
const box = style({
  overflow: 'auto', font: 'code-sm', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', borderRadius: 'default', backgroundColor: 'layer-1',
  outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2,
});
const lineStyle = style({
  display: 'flex', columnGap: 8, paddingX: 8, paddingY: 2, boxSizing: 'border-box', width: 'full', alignItems: 'baseline',
  outlineStyle: { default: 'none', isMarked: 'solid' }, outlineWidth: 2, outlineOffset: -2, outlineColor: 'orange-900',
});
const level = style({ flexShrink: 0, color: { default: 'neutral-subdued', tone: { warn: 'orange-1000', error: 'negative' } }, fontWeight: { default: 'normal', tone: { error: 'bold' } } });
const time = style({ flexShrink: 0, color: 'neutral-subdued' });
const seq = style({ flexShrink: 0, color: 'neutral-subdued', textDecoration: 'none', minWidth: 24, textAlign: 'end' });
const text = style({ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', minWidth: 0 });
const said = style({ font: 'ui-sm', color: 'neutral-subdued', marginStart: 'auto' });

/**
 * A log of up to hundreds of thousands of lines. Search, level and line are in the URL (`q`, `level`, `line`);
 * f follows the end, n and N go to the next and previous error.
 */
export function LogView({ label, lines, isLive = false, height = 480 }: Props) {
  const [url, setUrl] = useUrl();
  useSettings();
  const least = levels.indexOf(url.level as Level);
  const kept = String(url.q ?? '');
  const [query, setQuery] = useState(kept);
  const late = useDeferredValue(query.toLowerCase());
  const [isFollowing, setFollowing] = useState(isLive && url.line === undefined);
  const scroller = useRef<HTMLDivElement>(null);
  const marked = Number(url.line ?? -1);
  const shown = useMemo(
    () => lines.filter((one) => levels.indexOf(one.level) >= least && (late === '' || has(one, late))),
    [lines, least, late],
  );
  // With another function all lines are measured anew, so it stays the same while the lines do.
  const getItemKey = useCallback((i: number) => shown[i]?.seq ?? i, [shown]);
  const rows = useVirtualizer({
    count: shown.length, getScrollElement: () => scroller.current, estimateSize: () => 22, overscan: 10,
    getItemKey, initialRect: { width: 800, height },
  });
  useEffect(() => {
    if (isFollowing && shown.length > 0) rows.scrollToIndex(shown.length - 1, { align: 'end' });
  }, [isFollowing, shown.length, rows]);
  const markedIndex = useMemo(() => shown.findIndex((one) => one.seq === marked), [shown, marked]);
  useEffect(() => {
    if (markedIndex >= 0) rows.scrollToIndex(markedIndex, { align: 'center' });
  }, [markedIndex, rows]);

  function jump(step: 1 | -1): void {
    const from = markedIndex >= 0 ? markedIndex : step > 0 ? -1 : shown.length;
    for (let i = from + step; i >= 0 && i < shown.length; i += step) {
      const one = shown[i];
      if (one?.level !== 'error') continue;
      setFollowing(false);
      setUrl({ line: one.seq });
      return;
    }
  }
  useShortcut('f', t('follow'), () => setFollowing(!isFollowing), isLive);
  useShortcut('n', t('nextError'), () => jump(1));
  useShortcut('N', t('previousError'), () => jump(-1));

  return (
    <div className={column}>
      <div className={bar}>
        <SearchField label={t('logSearch')} value={query} onChange={(value) => { setQuery(value); setUrl({ q: value || undefined }); }} />
        <Picker label={t('logLevel')} value={least < 0 ? 'all' : String(url.level)} onChange={(key) => setUrl({ level: key === 'all' ? undefined : String(key) })}>
          <PickerItem id="all">{t('logAll')}</PickerItem>
          <PickerItem id="info">{t('logInfo')}</PickerItem>
          <PickerItem id="warn">{t('logWarn')}</PickerItem>
          <PickerItem id="error">{t('logError')}</PickerItem>
        </Picker>
        {isLive && <ToggleButton isSelected={isFollowing} onChange={setFollowing}>{t('logFollow')}</ToggleButton>}
        <ActionButton onPress={() => jump(1)}><Text>{t('nextError')}</Text></ActionButton>
        <span role="status" className={said}>{t('logLines', { count: shown.length })}</span>
      </div>
      {/* Whoever scrolls back wants to read, not to follow. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        ref={scroller}
        role="log"
        aria-label={label}
        // New lines are not read out: thousands come in a minute, and the run's page says what matters.
        aria-live="off"
        // It scrolls, so the keyboard must reach it.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        className={box}
        style={{ height }}
        onWheel={(event) => { if (event.deltaY < 0) setFollowing(false); }}
        onKeyDown={(event) => { if (['ArrowUp', 'PageUp', 'Home'].includes(event.key)) setFollowing(false); }}
      >
        {shown.length === 0 && <div className={lineStyle({ isMarked: false })}>{t('logEmpty')}</div>}
        <div style={{ height: rows.getTotalSize(), position: 'relative' }}>
          {rows.getVirtualItems().map(({ index, start, key }) => {
            const one = shown[index];
            return one === undefined ? null : (
              <div key={key} ref={rows.measureElement} data-index={index} style={{ position: 'absolute', insetBlockStart: start, insetInline: 0 }}>
                <div className={lineStyle({ isMarked: one.seq === marked })}>
                  <a className={seq} href={linkTo(one.seq)} aria-label={t('lineLink', { line: one.seq })}
                    onClick={(event) => { event.preventDefault(); setUrl({ line: one.seq }); }}>
                    {one.seq}
                  </a>
                  <time className={time} dateTime={new Date(one.at).toISOString()}>{clock(one.at)}</time>
                  <span className={level({ tone: one.level as 'warn' })}>{marks[one.level]}</span>
                  <span className={text}><Verbatim>{whole(one)}</Verbatim></span>
                </div>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function linkTo(line: number): string {
  const url = new URL(location.href);
  url.searchParams.set('line', String(line));
  return url.pathname + url.search;
}

function has(line: Line, words: string): boolean {
  return line.message.toLowerCase().includes(words) || (line.fields !== undefined && whole(line).toLowerCase().includes(words));
}

function whole({ message, fields }: Line): string {
  const extra = Object.entries(fields ?? {}).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [message, ...extra].join(' ');
}

const clocks = new Map<string, Intl.DateTimeFormat>();
/** `14:15:02.031`; one formatter for all lines, since making one costs more than using it. */
function clock(at: number): string {
  const zone = zoneOf(settings.get());
  let format = clocks.get(zone ?? '');
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, ...(zone !== undefined && { timeZone: zone }),
    });
    clocks.set(zone ?? '', format);
  }
  return format.format(at);
}
