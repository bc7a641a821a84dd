import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { RunDetail, Stage } from '../../api/own';
import { useNow } from '../../app/clock';
import { duration, exactTime } from '../../components/format';
import { t } from '../../messages/run';

const list = style({ listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', rowGap: 4, font: 'ui', maxWidth: 900 });
const row = style({ display: 'grid', gridTemplateColumns: { default: '[4rem minmax(0, 1fr)]', md: '[4rem minmax(0, 2fr) minmax(0, 3fr)]' }, columnGap: 12, rowGap: 2, alignItems: 'center' });
const track = style({ position: 'relative', height: 12, borderRadius: 'sm', backgroundColor: 'gray-100', overflow: 'hidden' });
const bar = style({
  position: 'absolute', top: 0, height: 'full', boxSizing: 'border-box', borderWidth: 1, borderStyle: { default: 'solid', state: { running: 'dashed' } },
  borderColor: { default: 'gray-600', state: { done: 'green-900', running: 'blue-900', failed: 'red-900' } },
  backgroundColor: { default: 'transparent', state: { done: 'green-900', failed: 'red-900' } },
});
const words = style({ font: 'ui-sm', color: 'neutral-subdued', gridColumnStart: { default: 2, md: 3 } });
const h2 = style({ font: 'title-sm', margin: 0 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0 });

/** The stages of a run beside each other in time, with the same in words. */
export function Stages({ detail }: { readonly detail: RunDetail }) {
  const now = useNow();
  const { stages, run } = detail;
  if (stages.length === 0) return null;
  const starts = stages.flatMap((stage) => stage.startedAt ?? []);
  const from = Math.min(...starts, run.startedAt ?? run.at);
  const until = run.completedAt ?? Math.max(now, ...stages.flatMap((stage) => stage.endedAt ?? []));
  const width = Math.max(1, until - from);
  return (
    <section className={section} aria-labelledby="stages">
      <h2 id="stages" className={h2}>{t('stages')}</h2>
      <ul className={list}>
        {stages.map((stage) => {
          const { startedAt, endedAt = until } = stage;
          return (
            <li key={stage.name} className={row}>
              <span>{nameOf(stage)}</span>
              <span className={track} aria-hidden>
                {startedAt !== undefined && (
                  <span
                    className={bar({ state: stage.state as 'done' })}
                    style={{ insetInlineStart: `${String(((startedAt - from) / width) * 100)}%`, width: `max(2px, ${String((Math.max(0, endedAt - startedAt) / width) * 100)}%)` }}
                  />
                )}
              </span>
              <span className={words}>{told(stage, until)}{stage.note !== undefined && ` · ${stage.note}`}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function nameOf({ name }: Stage): string {
  return name === 'list' || name === 'copy' || name === 'read' || name === 'write' || name === 'commit' ? t(name) : name;
}

const states: Readonly<Record<string, () => string>> = {
  done: () => t('stageDone'), running: () => t('stageRunning'), failed: () => t('stageFailed'), waiting: () => t('stageWaiting'), skipped: () => t('stageSkipped'),
};

function told({ state, startedAt, endedAt }: Stage, until: number): string {
  const word = states[state]?.() ?? state;
  return startedAt === undefined ? word : t('stageTime', { state: word, took: duration((endedAt ?? until) - startedAt), from: exactTime(startedAt) });
}
