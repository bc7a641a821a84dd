import { Disclosure, DisclosurePanel, DisclosureTitle, Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { TimelineItem } from '../api/own';
import { to } from '../app/links';
import { By } from '../components/By';
import { count } from '../components/format';
import { Status } from '../components/Status';
import { Duration, Time } from '../components/Values';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/flow';
import { Diff } from './Diff';

const list = style({ listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', minWidth: 0 });
const entry = style({
  display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0, paddingY: 8, font: 'ui', overflowWrap: 'anywhere',
  borderWidth: 0, borderBottomWidth: 1, borderStyle: 'solid', borderColor: 'gray-200',
});
const line = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 2, alignItems: 'center' });
const quiet = style({ font: 'ui-sm', color: 'neutral-subdued' });

/** Runs and changes, newest first: what happened, who did it, what differs. */
export function Events({ items, label }: { readonly items: readonly TimelineItem[]; readonly label: string }) {
  return (
    <ol className={list} aria-label={label}>
      {items.map((item) => (
        <li key={`${String(item.at)}/${item.kind}/${item.subject.id}`} className={entry}>
          {item.run === undefined ? <ChangeOf item={item} /> : <RunOf item={item} run={item.run} />}
        </li>
      ))}
    </ol>
  );
}

function RunOf({ item, run }: { readonly item: TimelineItem; readonly run: NonNullable<TimelineItem['run']> }) {
  return (
    <>
      <div className={line}>
        <Status state={run.status} /> <Link href={to.run(run.id)}>{run.status === 'success' || run.status === 'partial' ? t('stored_', { count: run.ingested }) : <Verbatim>{item.summary}</Verbatim>}</Link>
        <Duration ms={run.durationMs} />
        <span className={quiet}><Time at={item.at} exact /></span>
      </div>
      <span className={quiet}>
        {t('runEvent', { received: count(run.received), ingested: count(run.ingested), failed: count(run.failed), skipped: count(run.skipped) })}
      </span>
    </>
  );
}

function ChangeOf({ item }: { readonly item: TimelineItem }) {
  const { diff = [], by } = item;
  const href = placeOf(item);
  const text = summaryOf(item);
  return (
    <>
      <div className={line}>
        {href === undefined ? <span><Verbatim>{text}</Verbatim></span> : <Link href={href}><Verbatim>{text}</Verbatim></Link>}
        <span className={quiet}>{by !== undefined && <><By account={by} /> · </>}<Time at={item.at} exact /></span>
      </div>
      {diff.length > 0 && (
        <Disclosure isQuiet size="S">
          <DisclosureTitle>{t('diff', { count: diff.length })}</DisclosureTitle>
          <DisclosurePanel><Diff changes={diff} label={t('diff', { count: diff.length })} /></DisclosurePanel>
        </Disclosure>
      )}
    </>
  );
}

const kinds: Readonly<Record<string, () => string>> = {
  flow: () => t('kindFlow'), mappingSet: () => t('kindMapping'), sourceConnection: () => t('kindSource'), targetConnection: () => t('kindTarget'),
  connection: () => t('kindAccount'), dataset: () => t('kindDataset'), schema: () => t('kindSchema'), fieldgroup: () => t('kindFields'),
};

/** In words where the kind and what was done are known; else as the server says it. */
function summaryOf({ action, subject, summary, diff = [] }: TimelineItem): string {
  const version = versionOf(diff);
  if (version !== undefined) return t('mappingSet_', { name: subject.name, version });
  const kind = kinds[subject.kind]?.();
  const what = kind !== undefined && subject.name !== '' ? t('named', { kind, name: subject.name }) : kind;
  if (what === undefined) return summary;
  switch (action?.toLowerCase()) {
    case 'create': return t('created_', { what });
    case 'update': case 'patch': return t('changed_', { what });
    case 'delete': return t('deleted_', { what });
    default: return summary;
  }
}

/** The version of the mapping that a dataflow was set to, where nothing else of it changed. */
function versionOf(diff: NonNullable<TimelineItem['diff']>): string | undefined {
  const [only, ...others] = diff;
  return others.length === 0 && only !== undefined && /\/params\/mappingVersion$/.test(only.path) ? String(only.after) : undefined;
}

function placeOf({ subject: { kind, id } }: TimelineItem): string | undefined {
  return kind === 'connection' ? to.account(id) : kind === 'dataset' ? to.dataset(id) : kind === 'flow' ? to.flow(id) : undefined;
}
