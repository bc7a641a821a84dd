import { Content, Heading, InlineAlert } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { DatasetDetail } from '../../api/own';
import { type ColumnOf, List } from '../../components/List';
import { Empty } from '../../components/States';
import { Verbatim } from '../../components/Verbatim';
import { visible } from '../../components/visible';
import { t } from '../../messages/dataset';
import { labelsOf, useMarks } from './labels';
import { bare } from './paths';

type Field = DatasetDetail['fields'][number] & { readonly labels: readonly string[]; readonly isKey: boolean };

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const text = style({ font: 'body', margin: 0 });
const parents = style({ color: 'neutral-subdued' });

/** The fields of the schema with what is known of each. */
export default function Fields({ dataset }: { readonly dataset: DatasetDetail }) {
  const own = useQuery(labelsOf(dataset));
  const marks = useMarks(dataset.schema.id);
  const fields = useMemo(
    () =>
      dataset.fields.map((field): Field => {
        const path = bare(field.path);
        const labels = new Set([...(own.data?.fields[field.path] ?? []), ...(marks.data?.labels.get(path) ?? [])]);
        return { ...field, labels: [...labels], isKey: marks.data?.keys.has(path) ?? false };
      }),
    [dataset.fields, own.data, marks.data],
  );
  if (fields.length === 0) return <Empty title={t('noFields')} text={t('schemaNote', { title: dataset.schema.title })} />;
  return (
    <div className={column}>
      <p className={text}>{t('schemaNote', { title: dataset.schema.title })}</p>
      {(marks.error ?? own.error) !== null && (
        <InlineAlert variant="notice"><Heading>{t('registryPart')}</Heading><Content>{(marks.error ?? own.error)?.message}</Content></InlineAlert>
      )}
      <List
        label={t('schema')}
        items={fields}
        id={({ path }) => path}
        columns={columns}
        text={({ path, type, description = '', labels }) => [path, type, description, ...labels].join(' ')}
        urlPrefix="fields"
      />
    </div>
  );
}

const columns: readonly ColumnOf<Field>[] = [
  { id: 'field', title: t('field'), minWidth: 256, value: ({ path }) => path, cell: ({ path }) => <Path of={path} /> },
  { id: 'type', title: t('type'), minWidth: 112, value: ({ type }) => type, cell: ({ type }) => type },
  { id: 'required', title: t('required'), value: ({ required }) => (required ? 0 : 1), cell: ({ required }) => (required ? t('yes') : t('no')) },
  { id: 'key', title: t('key'), width: 96, value: ({ isKey }) => (isKey ? 0 : 1), cell: ({ isKey }) => (isKey ? t('keyWord') : '–') },
  { id: 'labels', title: t('labels'), value: ({ labels }) => labels.join(', '), cell: ({ labels }) => labels.join(', ') || '–' },
  { id: 'description', title: t('description'), minWidth: 240, isLong: true, cell: ({ description = '' }) => <span title={visible(description)}><Verbatim>{description}</Verbatim></span> },
];

/** A level a step to the right, with the names above it still there: a row is understood without those around it. */
function Path({ of }: { readonly of: string }) {
  const at = of.lastIndexOf('.') + 1;
  return (
    <span title={of} style={{ paddingInlineStart: (of.split('.').length - 1) * 12 }}>
      <span className={parents}>{of.slice(0, at)}</span>{of.slice(at)}
    </span>
  );
}
