import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { to } from '../app/links';
import { t } from '../messages/common';
import { A } from './A';
import { exactTime } from './format';
import { stateTone, stateWord } from './Status';

export interface Bar {
  readonly id: string;
  readonly number: number;
  readonly status: string;
  readonly startedAt?: number;
  readonly received: number;
}

const row = style({ display: 'inline-flex', listStyleType: 'none', margin: 0, padding: 0 });
const link = style({
  display: 'block', size: 24, borderRadius: 'sm', outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2,
  color: { default: 'neutral-subdued', tone: { good: 'green-900', bad: 'negative', warn: 'orange-1000', busy: 'blue-900' } },
});
const none = style({ font: 'ui-sm', color: 'neutral-subdued' });
const HEIGHT = 20;

/** The last runs (at most eight, oldest first) as bars of their rows; a failed one is a cross, a waiting one hollow. */
export function RunBars({ runs }: { readonly runs: readonly Bar[] }) {
  if (runs.length === 0) return <span className={none}>{t('noRuns')}</span>;
  const most = Math.max(1, ...runs.map((run) => run.received));
  return (
    <ul className={row} aria-label={t('lastRuns')}>
      {runs.slice(-8).map((run) => {
        const tone = stateTone(run.status);
        const height = Math.max(4, Math.round((run.received / most) * HEIGHT));
        const label = t('runBar', {
          number: run.number, status: stateWord(run.status), count: run.received,
          when: run.startedAt === undefined ? t('pending') : exactTime(run.startedAt),
        });
        return (
          <li key={run.id} title={label}>
            <A href={to.run(run.id)} className={link({ tone })} aria-label={label}>
              <svg width="24" height="24" viewBox="0 0 24 24" aria-hidden="true">
                {tone === 'bad' ? (
                  <path d="M6 6 L18 18 M18 6 L6 18" stroke="currentColor" strokeWidth="3" />
                ) : (
                  <rect x="6" y={22 - height} width="12" height={height} rx="1.5" fill={tone === 'busy' || tone === 'quiet' ? 'none' : 'currentColor'}
                    stroke="currentColor" strokeWidth="1.5" strokeDasharray={tone === 'busy' ? '3 2' : undefined} />
                )}
                {tone === 'warn' && <path d="M8 2 L12 6 L16 2" fill="none" stroke="currentColor" strokeWidth="2" />}
              </svg>
            </A>
          </li>
        );
      })}
    </ul>
  );
}
