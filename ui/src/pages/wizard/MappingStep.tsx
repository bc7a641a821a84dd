import { ActionButton, ComboBox, ComboBoxItem, Radio, RadioGroup, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { useSession } from '../../app/session';
import { ErrorBox } from '../../components/ErrorBox';
import { Query, Skeleton } from '../../components/States';
import { datasets } from '../../mapping/datasets';
import { Editor } from '../../mapping/Editor';
import { autoMap, columnOf, fieldsFor, type Rule, type TargetField, written } from '../../mapping/model';
import { schemaFields } from '../../mapping/schema';
import { t } from '../../messages/wizard';
import { type Column, type Row, valueAt } from '../../sources/explore';
import { FULL } from '../../wizard/create';
import { PROFILE, type WizardState } from '../../wizard/state';
import { useSample } from '../../wizard/useSample';
import { body, note, stack, type StepProps } from './step';

const full = style({ width: { default: 'full', sm: 384 } });
const NONE: readonly TargetField[] = [];

function isChosen({ data, connectionId }: WizardState): boolean {
  return connectionId !== undefined && (data.params.path ?? '') !== '';
}

/** Where the rows go, and which column fills which field. */
export function MappingStep(props: StepProps) {
  const { state, source, go } = props;
  const { query, previewed, found } = useSample(state, source);
  if (previewed === undefined) {
    if (found.error !== null) return <ErrorBox error={found.error} onRetry={() => void found.refetch()} />;
    if (isChosen(state) && (source === undefined || found.isLoading)) return <Skeleton />;
    return (
      <div className={stack}>
        <p className={body}>{t('noSampleYet')}</p>
        <div><ActionButton onPress={() => go('data')}>{t('toData')}</ActionButton></div>
      </div>
    );
  }
  return <Query query={query}>{({ columns, rows, format }) => <Target {...props} columns={columns} rows={rows} isPlainText={format.fileType === 'delimited'} />}</Query>;
}

function Target({ state, change, source, columns, rows, isPlainText }: StepProps & { readonly columns: readonly Column[]; readonly rows: readonly Row[]; readonly isPlainText: boolean }) {
  const { target, mapping } = state;
  const { tenant } = useSession();
  const isNew = target.isExisting !== true && target.datasetId === undefined;
  const all = useQuery({ ...datasets(), enabled: !isNew });
  const chosen = all.data?.find((one) => one.id === target.datasetId);
  const known = useQuery(schemaFields(chosen?.schema ?? ''));
  const fields = isNew ? (target.schema?.fields ?? NONE) : (known.data ?? NONE);
  const schema = useMemo(() => (chosen === undefined ? undefined : { id: chosen.schema, contentType: FULL }), [chosen]);
  const name = nameFrom(state, source?.title ?? '');
  // A column under an old name is there under today's, too.
  const own = useMemo(() => columns.filter((one) => one.aliasOf === undefined), [columns]);
  const offered = useMemo(() => {
    const used = new Set(mapping.map((rule) => columnOf(rule.source)));
    return columns.filter((one) => one.aliasOf === undefined || used.has(one.name));
  }, [columns, mapping]);

  // A new dataset starts with a field for each column: what is there already is not touched.
  useEffect(() => {
    if (!isNew || target.schema !== undefined || own.length === 0) return;
    const made = fieldsFor(own, (column) => (isPlainText ? rows.map((row) => valueAt(row, column)) : []), tenant);
    const isTable = source?.kind === 'table';
    const start = made.map((field, i): TargetField => (isTable && i === 0 ? { ...field, key: true } : field));
    change((old) => ({
      target: { ...old.target, datasetName: old.target.datasetName ?? name, schema: { title: old.target.datasetName ?? name, class: PROFILE, fields: start } },
      mapping: start.map((field, i): Rule => ({ sourceType: 'ATTRIBUTE', source: written(own[i]?.name ?? ''), destination: field.path })),
    }));
  }, [isNew, target.schema, own, rows, isPlainText, tenant, source, name, change]);
  const isStart = !isNew && mapping.length === 0 && known.data !== undefined && target.aside?.datasetId !== target.datasetId;
  useEffect(() => {
    if (!isStart) return;
    const found = autoMap(own, [], fields);
    if (found.length > 0) change({ mapping: found });
    // Once, when the fields of the chosen dataset are known.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [isStart]);

  function setWay(way: string): void {
    if ((way === 'new') === isNew) return;
    change(({ target: { datasetId, aside, ...old }, mapping: now }) => ({
      mapping: aside?.mapping ?? [],
      target: {
        ...old, isExisting: way !== 'new', aside: { ...(datasetId !== undefined && { datasetId }), mapping: now },
        ...(way !== 'new' && aside?.datasetId !== undefined && { datasetId: aside.datasetId }),
      },
    }));
  }
  return (
    <div className={stack}>
      <RadioGroup label={t('target')} orientation="horizontal" value={isNew ? 'new' : 'existing'} onChange={setWay}>
        <Radio value="new">{t('newDataset')}</Radio>
        <Radio value="existing">{t('existingDataset')}</Radio>
      </RadioGroup>
      {isNew ? (
        <TextField label={t('datasetName')} description={t('datasetNameHelp')} isRequired value={target.datasetName ?? ''} styles={full} autoComplete="off"
          onChange={(datasetName) => change((old) => ({
            target: { ...old.target, datasetName, ...(old.target.schema !== undefined && { schema: { ...old.target.schema, title: datasetName } }) },
          }))} />
      ) : (
        <Query query={all} lines={1}>
          {(list) => (
            <ComboBox label={t('dataset')} items={list} selectedKey={target.datasetId ?? null} styles={full} menuTrigger="focus"
              onSelectionChange={(id) => change((old) => ({ target: { ...old.target, ...(id !== null && { datasetId: String(id) }) }, mapping: [] }))}>
              {(one) => <ComboBoxItem id={one.id}>{one.name}</ComboBoxItem>}
            </ComboBox>
          )}
        </Query>
      )}
      {!isNew && known.error !== null && <Query query={known}>{() => null}</Query>}
      {(isNew ? target.schema !== undefined : known.data !== undefined) && (
        <Editor
          key={isNew ? 'new' : target.datasetId} columns={offered} rows={rows} mapping={{ rules: mapping, fields }}
          {...(isNew ? { tenant } : schema !== undefined && { schema })}
          onChange={({ rules, fields: next }) => change((old) => ({
            mapping: rules,
            ...(isNew && old.target.schema !== undefined && { target: { ...old.target, schema: { ...old.target.schema, fields: next } } }),
          }))}
        />
      )}
      {!isNew && target.datasetId === undefined && <p className={note}>{t('lackTarget')}</p>}
    </div>
  );
}

/** `orders` for `/orders/2024/*.csv` (a date or a partition names no dataset), `HubSpot Contacts` for `Hubspot.Contacts`. */
export function nameFrom({ data: { params } }: WizardState, source: string): string {
  const { path = '', type } = params;
  if (!path.includes('/')) return path === '' ? '' : `${source} ${path.split('.').at(-1) ?? ''}`.trim();
  const isFile = type !== 'folder' && !/[*?[{]/.test(path);
  const names = path.replace(/[^/]*[*?[{].*$/, '').split('/').filter((one) => one !== '').map((one, i, { length }) => (isFile && i === length - 1 ? one.replace(/\..*$/, '') : one));
  return names.findLast((one) => /\p{L}/u.test(one) && !one.includes('=')) ?? names.at(-1) ?? source;
}
