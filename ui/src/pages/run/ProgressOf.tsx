import { ProgressBar } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useEffect, useRef, useState } from 'react';
import type { Progress } from '../../api/own';
import { settings } from '../../app/settings';
import { bytes, compact, count, duration } from '../../components/format';
import { rowsOf } from '../../components/nouns';
import { t } from '../../messages/run';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 4, minWidth: 0, maxWidth: 640 });
const line = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 2, font: 'ui' });
const unseen = style({ position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: '[inset(50%)]' });

/** How far a run is, by bytes and files; how fast; and how long still, once that holds still. */
export function ProgressOf({ progress }: { readonly progress: Progress }) {
  const { bytesTotal, filesTotal, bytesPerSecond } = progress;
  const share = part(progress);
  const rate = useRate(progress.records);
  const left = useStableEta(progress);
  const percent = share === undefined ? '' : new Intl.NumberFormat(settings.get().locale, { style: 'percent' }).format(share);
  return (
    <div className={column}>
      {share === undefined
        ? <ProgressBar label={t('progress')} isIndeterminate styles={style({ width: 'full' })} />
        : <ProgressBar label={t('progress')} value={share * 100} styles={style({ width: 'full' })} />}
      <div className={line}>
        <span>{bytesTotal === undefined ? bytes(progress.bytes) : t('ofBytes', { done: bytes(progress.bytes), all: bytes(bytesTotal) })}</span>
        <span>{filesTotal === undefined ? t('filesSoFar', { count: progress.files }) : t('ofFiles', { done: count(progress.files), count: filesTotal })}</span>
        <span>{t('rowsSoFar', { count: progress.records })}</span>
        {rate !== undefined && <span>{t('rowsPerSecond', { value: compact(rate) })}</span>}
        {bytesPerSecond !== undefined && <span>{t('perSecond', { value: bytes(bytesPerSecond) })}</span>}
        {left !== undefined && <span>{t('eta', { value: duration(left) })}</span>}
      </div>
      <Said text={t('said', { percent, rows: rowsOf(progress.records) })} />
    </div>
  );
}

function part({ bytes: done, bytesTotal, files, filesTotal }: Progress): number | undefined {
  if (bytesTotal !== undefined && bytesTotal > 0) return Math.min(1, done / bytesTotal);
  if (filesTotal !== undefined && filesTotal > 0) return Math.min(1, files / filesTotal);
  return undefined;
}

const SAID_EVERY = 5_000;

/** Tells a reader of the screen how far it is, not more often than every five seconds. */
function Said({ text }: { readonly text: string }) {
  const [said, say] = useState('');
  const latest = useRef(text);
  useEffect(() => {
    latest.current = text;
  });
  useEffect(() => {
    const timer = setInterval(() => say(latest.current), SAID_EVERY);
    return () => clearInterval(timer);
  }, []);
  return <div role="status" className={unseen}>{said}</div>;
}

/** How fast a number grows in a second, by what was seen in the last half minute. */
function useRate(value: number): number | undefined {
  const seen = useRef<readonly (readonly [at: number, value: number])[]>([]);
  const [rate, setRate] = useState<number>();
  useEffect(() => {
    const now = performance.now();
    seen.current = [...seen.current.filter(([at, was]) => now - at < 30_000 && was <= value), [now, value]];
    const [first] = seen.current;
    if (first !== undefined && now - first[0] > 1_500) setRate(((value - first[1]) / (now - first[0])) * 1000);
  }, [value]);
  return rate;
}

const SAMPLES = 3;

/** The time that is left, only once three estimates in a row foresee about the same end. */
function useStableEta(progress: Progress): number | undefined {
  const { etaMs: left } = progress;
  const ends = useRef<readonly number[]>([]);
  const [isStable, setStable] = useState(false);
  useEffect(() => {
    ends.current = left === undefined ? [] : [...ends.current, Date.now() + left].slice(-SAMPLES);
    const spread = Math.max(...ends.current) - Math.min(...ends.current);
    setStable(left !== undefined && ends.current.length === SAMPLES && spread < Math.max(5_000, left / 4));
  }, [progress, left]);
  return isStable ? left : undefined;
}
