import { Button, ButtonGroup } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { call } from '../../api/client';
import type { FlowRow } from '../../api/own';
import { ErrorBox } from '../../components/ErrorBox';
import { exactTime } from '../../components/format';
import { Empty, Query, Skeleton } from '../../components/States';
import { toast } from '../../components/toast';
import { refresh } from '../../flows/actions';
import { type Setup, setup } from '../../flows/setup';
import { Editor } from '../../mapping/Editor';
import type { Rule } from '../../mapping/model';
import { schemaFields } from '../../mapping/schema';
import { t } from '../../messages/flow';
import { FULL } from '../../wizard/create';
import { useSample } from '../../wizard/useSample';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const quiet = style({ font: 'body-sm', color: 'neutral-subdued', margin: 0, overflowWrap: 'anywhere' });
const NOTHING = { columns: [], rows: [] };

/** The rules by which rows of the source become rows of the dataset, tried on a sample of the source. */
export default function MappingTab({ flow }: { readonly flow: FlowRow }) {
  // What was saved stays on the page while it is read back.
  const query = useQuery({ ...setup(flow), enabled: flow.mappingSet !== undefined, placeholderData: keepPreviousData });
  if (flow.mappingSet === undefined) return <Empty title={t('noMapping')} text={t('noMappingText')} />;
  return <Query query={query}>{(known) => <Rules flow={flow} known={known} key={known.flow.etag} />}</Query>;
}

function Rules({ flow, known }: { readonly flow: FlowRow; readonly known: Setup }) {
  const { state, source } = known;
  const [rules, setRules] = useState(state.mapping);
  const { query: sample, previewed, found, isSingle } = useSample(state, source, { isNewest: true });
  const fields = useQuery(schemaFields(flow.target.schema));
  const schema = useMemo(() => ({ id: flow.target.schema, contentType: FULL }), [flow.target.schema]);
  const save = useMutation({
    mutationFn: () => saved(flow, known, rules),
    onSuccess: () => {
      toast.done(flow.freshness.nextRunAt === undefined ? t('mappingSaved') : t('mappingSavedFrom', { when: exactTime(flow.freshness.nextRunAt) }));
      refresh();
    },
  });
  const isClean = rules === state.mapping;
  const { id = '', version = 0 } = flow.mappingSet ?? {};
  const isLooking = !isSingle && found.isLoading;
  const failure = found.error ?? sample.error;
  const isWithout = !isLooking && (previewed === undefined || failure !== null);
  const { columns, rows } = sample.data ?? NOTHING;
  return (
    <div className={column}>
      <p className={quiet}>{t('mappingVersion', { id, version })}</p>
      {failure !== null && <ErrorBox error={failure} onRetry={() => void (found.error === null ? sample : found).refetch()} />}
      {isWithout && <p className={quiet}>{t('noSample')}</p>}
      {!isWithout && previewed !== undefined && <p className={quiet}>{isSingle ? t('sampleOf', { name: previewed }) : t('sampleNewest', { name: previewed })}</p>}
      {!isWithout && sample.data === undefined && <Skeleton lines={6} />}
      <Query query={fields}>
        {(known) => ((sample.data !== undefined || isWithout) && (
          <Editor columns={columns} rows={rows} mapping={{ rules, fields: known }} onChange={(next) => setRules(next.rules)} schema={schema} flow={flow.id} />
        ))}
      </Query>
      {save.error !== null && <ErrorBox error={save.error} />}
      <ButtonGroup>
        <Button variant="accent" isDisabled={isClean} isPending={save.isPending} onPress={() => save.mutate()}>{t('save')}</Button>
        <Button variant="secondary" isDisabled={isClean} onPress={() => setRules(state.mapping)}>{t('reset')}</Button>
      </ButtonGroup>
    </div>
  );
}

/** A new version of the mapping set, and the dataflow set to it: flows keep the version that they name. */
async function saved({ mappingSet, target }: FlowRow, { flow }: Setup, mappings: readonly Rule[]): Promise<void> {
  const { version } = await call<{ readonly version: number }>(`/data/foundation/conversion/mappingSets/${mappingSet?.id ?? ''}`, {
    method: 'PUT', body: { outputSchema: { schemaRef: { id: target.schema, contentType: FULL } }, mappings },
  });
  const transformations = (flow.transformations ?? []) as readonly { readonly name?: string; readonly params?: object }[];
  const at = transformations.findIndex(({ name }) => name === 'Mapping');
  const value = { name: 'Mapping', params: { ...transformations[at]?.params, mappingVersion: version } };
  await call(`/data/foundation/flowservice/flows/${flow.id ?? ''}`, {
    method: 'PATCH', headers: { 'if-match': flow.etag ?? '', 'content-type': 'application/json-patch+json' },
    body: [{ op: 'replace', path: `/transformations/${String(at)}`, value }],
  });
}
