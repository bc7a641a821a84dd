import { Button, Link, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { DatasetDetail, DatasetVersion } from '../../api/own';
import { useUrl } from '../../app/go';
import { to } from '../../app/links';
import { Facts } from '../../components/Facts';
import { bytes, count } from '../../components/format';
import { type ColumnOf, List } from '../../components/List';
import { Query } from '../../components/States';
import { Bytes, Count, Time } from '../../components/Values';
import { t } from '../../messages/dataset';
import { useVersions } from './versions';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, alignItems: 'stretch', minWidth: 0 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12 });
const h2 = style({ font: 'title', margin: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });
const text = style({ font: 'body', margin: 0 });

/** Who wrote what, version by version. */
export default function History({ dataset }: { readonly dataset: DatasetDetail }) {
  const query = useVersions(dataset.id);
  return (
    <Query
      query={query}
      lines={8}
      isEmpty={(items) => items.length === 0}
      empty={{ title: t('notWritten'), text: t('notWrittenText') }}
    >
      {(items) => (
        <div className={column}>
          <List label={t('history')} items={items} id={({ version }) => String(version)} columns={columns} text={textOf} />
          {query.hasNextPage && (
            <span><Button variant="secondary" isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>{t('older')}</Button></span>
          )}
          <Compare versions={items} />
        </div>
      )}
    </Query>
  );
}

const columns: readonly ColumnOf<DatasetVersion>[] = [
  { id: 'version', title: t('version'), width: 96, value: ({ version }) => version, cell: ({ version }) => count(version) },
  { id: 'at', title: t('at'), minWidth: 112, value: ({ at }) => at, cell: ({ at }) => <Time at={at} isQuiet /> },
  { id: 'operation', title: t('operation'), minWidth: 128, isLong: true, value: ({ operation }) => operation, cell: ({ operation }) => wordOf(operation) },
  { id: 'run', title: t('run'), minWidth: 208, cell: ({ run }) => (run === undefined ? '–' : <Link href={to.run(run.id)}>{runName(run)}</Link>) },
  { id: 'added', title: t('added'), align: 'end', minWidth: 112, value: ({ addedRows }) => addedRows, cell: ({ addedRows }) => <Count value={addedRows} /> },
  { id: 'filesAdded', title: t('filesAdded'), align: 'end', minWidth: 112, value: ({ addedFiles }) => addedFiles, cell: ({ addedFiles }) => <Count value={addedFiles} /> },
  { id: 'filesRemoved', title: t('filesRemoved'), align: 'end', minWidth: 128, value: ({ removedFiles }) => removedFiles, cell: ({ removedFiles }) => <Count value={removedFiles} /> },
  { id: 'bytes', title: t('bytes'), align: 'end', minWidth: 96, value: (one) => one.bytes, cell: (one) => <Bytes value={one.bytes} /> },
  { id: 'batch', title: t('batch'), minWidth: 256, cell: ({ batch }) => batch ?? '–' },
];

const words: Readonly<Record<string, () => string>> = {
  WRITE: () => t('hasWritten'), MERGE: () => t('hasMerged'), DELETE: () => t('hasDeleted'), FENCE: () => t('hasFenced'), 'CREATE TABLE': () => t('hasCreated'),
};

/** What Delta calls a commit, in words. */
function wordOf(operation: string): string {
  return words[operation]?.() ?? operation;
}

function runName({ id, number, flow }: NonNullable<DatasetVersion['run']>): string {
  const word = t('runNumber', { number: number === undefined ? id.slice(0, 8) : count(number) });
  return flow === undefined ? word : `${flow.name} · ${word}`;
}

function textOf({ version, operation, run, batch }: DatasetVersion): string {
  return [version, wordOf(operation), run === undefined ? '' : runName(run), batch ?? ''].join(' ');
}

/** What was written from one version to another, by adding up what each commit says. */
function Compare({ versions }: { readonly versions: readonly DatasetVersion[] }) {
  const [{ a, b }, setUrl] = useUrl();
  const newest = versions[0]?.version ?? 0;
  const until = typeof b === 'number' ? b : newest;
  const from = typeof a === 'number' ? a : (versions.find(({ version }) => version < until)?.version ?? until);
  const [low, high] = from < until ? [from, until] : [until, from];
  const between = versions.filter(({ version }) => version > low && version <= high);
  const sum = (of: (one: DatasetVersion) => number | undefined) => between.reduce((total, one) => total + (of(one) ?? 0), 0);
  const options = versions.map(({ version }) => <PickerItem key={version} id={String(version)}>{t('versionOf', { version: count(version) })}</PickerItem>);
  if (versions.length < 2) return null;
  return (
    <section className={section} aria-labelledby="compare">
      <h2 id="compare" className={h2}>{t('compare')}</h2>
      <div className={bar}>
        <Picker label={t('from')} value={String(from)} onChange={(key) => setUrl({ a: Number(key) })}>{options}</Picker>
        <Picker label={t('until')} value={String(until)} onChange={(key) => setUrl({ b: Number(key) })}>{options}</Picker>
      </div>
      {low === high ? <p className={text}>{t('compareSame')}</p> : (
        <Facts
          of={[
            [t('compareCommits'), count(between.length)],
            [t('compareRows'), count(sum(({ addedRows }) => addedRows))],
            [t('filesAdded'), count(sum(({ addedFiles }) => addedFiles))],
            [t('filesRemoved'), count(sum(({ removedFiles }) => removedFiles))],
            [t('bytes'), bytes(sum((one) => one.bytes))],
          ]}
        />
      )}
      {between.some(({ addedRows, addedFiles }) => addedRows === undefined && addedFiles > 0) && <p className={text}>{t('compareMore')}</p>}
    </section>
  );
}
