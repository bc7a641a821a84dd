import 'uplot/dist/uPlot.min.css';
import { Disclosure, DisclosurePanel, DisclosureTitle } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import { useSettings, zoneOf } from '../../app/settings';
import { t } from '../../messages/common';
import { axisTimes, compact, count, exactTime } from '../format';

export interface SeriesOf {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Default: `count`. */
  readonly format?: (value: number) => string;
  readonly tone?: 'main' | 'bad' | 'warn' | 'quiet';
}

export interface ChartProps {
  readonly title: string;
  /** What it shows, in a sentence: "12.4 million rows in 24 hours, most at 14:00; 812 failed." */
  readonly summary: string;
  /** Epoch milliseconds, ascending. */
  readonly times: readonly number[];
  readonly series: readonly SeriesOf[];
  readonly height?: number;
  /** Dragging over the chart chooses a range. */
  readonly onRange?: (from: number, to: number) => void;
  /** Charts with the same name share the cursor. */
  readonly group?: string;
}

const figure = style({ margin: 0, display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0 });
const caption = style({ font: 'body-sm', color: 'neutral-subdued' });
const heading = style({ font: 'title-sm', color: 'heading', display: 'block' });
const box = style({
  borderRadius: 'sm', minWidth: 0, outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2,
});
const key = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, font: 'ui-sm' });
const table = style({ font: 'ui-sm', borderSpacing: 0 });
const cell = style({ textAlign: 'start', paddingEnd: 16, paddingY: 2 });
const scroll = style({ overflow: 'auto', maxHeight: 320 });

// Each tone has a dash of its own, so that lines are told apart without their colours.
const looks = {
  main: { stroke: ['#2c6bd9', '#6aa0ff'], dash: [] },
  bad: { stroke: ['#c8102e', '#ff7b86'], dash: [2, 3] },
  warn: { stroke: ['#a35a00', '#f0a343'], dash: [8, 4] },
  quiet: { stroke: ['#6e6e6e', '#a3a3a3'], dash: [1, 4] },
} as const;
const samples = { main: '━━', bad: '┅┅', warn: '╍╍', quiet: '┈┈' } as const;

/** A day about a single point: alone it would span years. */
function around(at: number): [number, number] {
  const half = 43_200;
  return [at / 1000 - half, at / 1000 + half];
}

const WHOLE = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

export default function Chart({ title, summary, times, series, height = 220, onRange, group }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const range = useRef(onRange);
  useEffect(() => {
    range.current = onRange;
  });
  const settings = useSettings();
  const zone = zoneOf(settings);
  const { theme, locale } = settings;
  const [at, setAt] = useState(times.length - 1);

  useEffect(() => {
    const host = place.current;
    if (host === null || times.length === 0) return;
    const styles = getComputedStyle(host);
    const isDark = styles.colorScheme.includes('dark') && (theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches));
    const tone = isDark ? 1 : 0;
    const axis = { stroke: styles.color, grid: { stroke: isDark ? '#3a3a3a' : '#dcdcdc', width: 1 }, ticks: { show: false }, font: `12px ${styles.fontFamily}` };
    const chart = new uPlot(
      {
        width: host.clientWidth,
        height,
        tzDate: (seconds) => (zone === 'UTC' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false }, ...(group !== undefined && { sync: { key: group } }) },
        scales: { ...(times.length === 1 && { x: { range: () => around(times[0] ?? 0) } }), y: { range: (_, __, max) => [0, Math.max(1, max * 1.05)] } },
        // There is no half of a row.
        axes: [{ ...axis, values: (_, ticks) => [...axisTimes(ticks.map((tick) => tick * 1000))] }, { ...axis, size: 56, ...(series[0]?.format === undefined && { incrs: WHOLE }), values: (_, ticks) => ticks.map(series[0]?.format ?? compact) }],
        series: [
          {},
          ...series.map((one) => {
            const { stroke, dash } = looks[one.tone ?? 'main'];
            return { label: one.label, stroke: stroke[tone], width: 2, dash: [...dash], points: { show: times.length < 2 } };
          }),
        ],
        hooks: {
          setCursor: [(u) => { if (typeof u.cursor.idx === 'number') setAt(u.cursor.idx); }],
          setSelect: [(u) => {
            if (u.select.width < 4) return;
            const from = u.posToVal(u.select.left, 'x') * 1000;
            const to = u.posToVal(u.select.left + u.select.width, 'x') * 1000;
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            range.current?.(Math.round(from), Math.round(to));
          }],
        },
      },
      [times.map((ms) => ms / 1000), ...series.map((one) => [...one.values])],
      host,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: host.clientWidth, height }));
    observer.observe(host);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [times, series, height, zone, locale, theme, group]);

  function onKeyDown(event: KeyboardEvent): void {
    const to: Readonly<Record<string, number>> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: times.length - 1 };
    const next = to[event.key];
    const chart = plot.current;
    if (next === undefined || chart === undefined) return;
    event.preventDefault();
    const i = Math.min(Math.max(next, 0), times.length - 1);
    setAt(i);
    chart.setCursor({ left: chart.valToPos((times[i] ?? 0) / 1000, 'x'), top: 0 });
  }

  if (times.length === 0) return <p className={caption}>{title}: {t('chartEmpty')}</p>;
  const shown = Math.min(at, times.length - 1);
  const show = (one: SeriesOf, i: number) => {
    const value = one.values[i];
    return value === null || value === undefined ? '–' : (one.format ?? count)(value);
  };
  const said = `${exactTime(times[shown] ?? 0)}: ${series.map((one) => `${one.label} ${show(one, shown)}`).join(', ')}`;
  return (
    <figure className={figure}>
      <figcaption className={caption}><strong className={heading}>{title}</strong>{summary}</figcaption>
      <div className={key}>
        {series.map((one) => <span key={one.label}><span aria-hidden>{samples[one.tone ?? 'main']}</span> {one.label}: {show(one, shown)}</span>)}
        <span>{exactTime(times[shown] ?? 0)}</span>
      </div>
      <div
        ref={place}
        role="slider"
        tabIndex={0}
        aria-label={t('chartCursor', { title })}
        aria-valuemin={0}
        aria-valuemax={times.length - 1}
        aria-valuenow={shown}
        aria-valuetext={said}
        className={box}
        onKeyDown={onKeyDown}
      />
      <Disclosure isQuiet size="S">
        <DisclosureTitle>{t('chartTable')}</DisclosureTitle>
        <DisclosurePanel>
          {/* It scrolls, so the keyboard must reach it. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <div className={scroll} tabIndex={0} role="region" aria-label={title}>
            <table className={table}>
              <thead><tr><th scope="col" className={cell}>{t('chartTime')}</th>{series.map((one) => <th key={one.label} scope="col" className={cell}>{one.label}</th>)}</tr></thead>
              <tbody>
                {times.map((ms, i) => (
                  <tr key={ms}><th scope="row" className={cell}>{exactTime(ms)}</th>{series.map((one) => <td key={one.label} className={cell}>{show(one, i)}</td>)}</tr>
                ))}
              </tbody>
            </table>
          </div>
        </DisclosurePanel>
      </Disclosure>
    </figure>
  );
}
