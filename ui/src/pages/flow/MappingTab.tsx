import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { get } from '../../api/query';
import type { FlowRow } from '../../api/own';
import { type ColumnOf, List } from '../../components/List';
import { Empty, Query } from '../../components/States';
import { t } from '../../messages/flow';

interface Rule {
  readonly sourceType?: string;
  readonly source?: string;
  readonly destination?: string;
}

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const code = style({ font: 'code-sm' });
const quiet = style({ font: 'body-sm', color: 'neutral-subdued', margin: 0, overflowWrap: 'anywhere' });
const columns: readonly ColumnOf<Rule>[] = [
  { id: 'source', title: t('mappingFrom'), minWidth: 200, cell: ({ source }) => <span className={code}>{source}</span>, value: ({ source }) => source },
  { id: 'destination', title: t('mappingTo'), minWidth: 200, cell: ({ destination }) => <span className={code}>{destination}</span>, value: ({ destination }) => destination },
  { id: 'kind', title: t('mappingKind'), cell: kindOf, value: kindOf },
];

/** The rules by which rows of the source become rows of the dataset. */
export default function MappingTab({ flow }: { readonly flow: FlowRow }) {
  return flow.mappingSet === undefined
    ? <Empty title={t('noMapping')} text={t('noMappingText')} />
    : <Rules id={flow.mappingSet.id} version={flow.mappingSet.version} />;
}

function Rules({ id, version }: { readonly id: string; readonly version: number }) {
  const query = useQuery(get('/data/foundation/conversion/mappingSets/{id}', { params: { path: { id } } }));
  return (
    <Query query={query} isEmpty={({ mappings }) => mappings.length === 0} empty={{ title: t('noMapping'), text: t('noMappingText') }}>
      {({ mappings }) => (
        <div className={column}>
          <p className={quiet}>{t('mappingVersion', { id, version })}</p>
          <List
            label={t('mapping')}
            items={mappings as readonly Rule[]}
            id={({ source, destination }) => `${source ?? ''}→${destination ?? ''}`}
            columns={columns}
            text={({ source, destination }) => `${source ?? ''} ${destination ?? ''}`}
          />
        </div>
      )}
    </Query>
  );
}

function kindOf({ sourceType }: Rule): string {
  return sourceType?.toUpperCase() === 'EXPRESSION' ? t('expression') : t('attribute');
}
