import { Link, LinkButton } from '@react-spectrum/s2';
import { useQuery } from '@tanstack/react-query';
import { useLive } from '../../api/live';
import { type DatasetRow, type Datasets, OWN, own } from '../../api/own';
import { to } from '../../app/links';
import { CopyAs } from '../../components/CopyAs';
import { type ColumnOf, List } from '../../components/List';
import { Page } from '../../components/Page';
import { Query } from '../../components/States';
import { Bytes, Count, Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { visible } from '../../components/visible';
import { t } from '../../messages/datasets';

const columns: readonly ColumnOf<DatasetRow>[] = [
  { id: 'name', title: t('name'), minWidth: 176, cell: ({ name }) => name, value: ({ name }) => name },
  { id: 'rows', title: t('rows'), align: 'end', minWidth: 112, value: ({ rows }) => rows, cell: ({ rows }) => (rows === undefined ? t('noRows') : <Count value={rows} />) },
  { id: 'size', title: t('size'), align: 'end', value: ({ bytes }) => bytes, cell: ({ bytes }) => <Bytes value={bytes} /> },
  { id: 'files', title: t('files'), align: 'end', value: ({ files }) => files, cell: ({ files }) => <Count value={files} /> },
  { id: 'version', title: t('version'), align: 'end', value: ({ version }) => version, cell: ({ version }) => (version === undefined ? t('noVersion') : <Count value={version} />) },
  { id: 'updated', title: t('updated'), minWidth: 112, value: ({ updatedAt }) => updatedAt, cell: ({ updatedAt }) => <Time at={updatedAt} isQuiet /> },
  { id: 'labels', title: t('labels'), value: ({ labels }) => labels.join(', '), cell: ({ labels }) => labels.map(plainLabel).join(', ') || '–' },
  { id: 'flows', title: t('flows'), minWidth: 176, value: ({ flows }) => flows.map(({ name }) => name).join(', '), cell: ({ flows }) => <Names of={flows.map(({ name }) => name)} /> },
  { id: 'schema', title: t('schema'), minWidth: 128, value: ({ schema }) => schema.title, cell: ({ schema }) => schema.title },
];

export default function DatasetsPage() {
  useLive(['dataset', 'run', 'batch', 'flow']);
  const query = useQuery(own<Datasets>('/datasets', { limit: 1000 }));
  return (
    <Page title={t('title')} actions={<CopyAs call={{ method: 'GET', path: `${OWN}/datasets`, query: { limit: 1000 }, cli: 'forebay tables list' }} />}>
      <Query
        query={query}
        lines={10}
        isEmpty={({ items }) => items.length === 0}
        empty={{
          title: t('emptyTitle'), text: t('emptyText'),
          action: <LinkButton variant="accent" href={to.sources()}>{t('emptyAction')}</LinkButton>,
          link: <Link href="/docs/concepts.html">{t('emptyLink')}</Link>,
        }}
        partial={({ items }) => {
          const unread = items.filter(({ error }) => error !== undefined);
          return unread.length === 0 ? undefined : t('unread', { count: unread.length, names: unread.map(({ name }) => name).join(', ') });
        }}
      >
        {({ items }) => (
          <List
            label={t('title')}
            items={items}
            id={({ id }) => id}
            columns={columns}
            text={({ name, description = '', labels, flows, schema }) => [name, description, schema.title, ...labels, ...flows.map((flow) => flow.name)].join(' ')}
            href={({ id }) => to.dataset(id)}
          />
        )}
      </Query>
    </Page>
  );
}

function Names({ of }: { readonly of: readonly string[] }) {
  const text = of.join(', ') || '–';
  return <span title={visible(text)}><Verbatim>{text}</Verbatim></span>;
}

function plainLabel(label: string): string {
  return label.replace(/^core\//, '');
}
