import { LinkButton, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { asApiError } from '../../api/errors';
import { type DatasetDetail, type DatasetPreview, OWN, own } from '../../api/own';
import { useUrl } from '../../app/go';
import { to } from '../../app/links';
import { CopyAs } from '../../components/CopyAs';
import { DataGrid } from '../../components/DataGrid';
import { count, exactTime } from '../../components/format';
import { Empty, Query } from '../../components/States';
import { t } from '../../messages/dataset';
import { flat } from './flat';
import { useVersions } from './versions';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });
const said = style({ font: 'ui-sm', color: 'neutral-subdued' });

/** The first rows of any version. */
export default function Preview({ dataset }: { readonly dataset: DatasetDetail }) {
  const [url, setUrl] = useUrl();
  const version = typeof url.version === 'number' ? url.version : undefined;
  const versions = useVersions(dataset.id).data ?? [];
  const path = `/datasets/${encodeURIComponent(dataset.id)}/preview`;
  const asked = { limit: 100, ...(version !== undefined && { version }) };
  const isWritten = dataset.version !== undefined;
  const query = useQuery({ ...own<DatasetPreview>(path, asked), enabled: isWritten });
  if (!isWritten) {
    return <Empty title={t('notWritten')} text={t('notWrittenText')} action={<LinkButton variant="accent" href={to.sources()}>{t('newDataflow')}</LinkButton>} />;
  }
  const known = versions.some((one) => one.version === version);
  return (
    <div className={column}>
      <div className={bar}>
        <Picker label={t('version')} value={version === undefined ? 'latest' : String(version)} onChange={(key) => setUrl({ version: key === 'latest' ? undefined : Number(key) })}>
          {[
            <PickerItem key="latest" id="latest">{t('latest')}</PickerItem>,
            ...(version !== undefined && !known ? [<PickerItem key={version} id={String(version)}>{t('versionOf', { version: count(version) })}</PickerItem>] : []),
            ...versions.map((one) => (
              <PickerItem key={one.version} id={String(one.version)}>{`${t('versionOf', { version: count(one.version) })} · ${exactTime(one.at)}`}</PickerItem>
            )),
          ]}
        </Picker>
        <CopyAs of={t('preview')} call={{ method: 'GET', path: OWN + path, query: asked }} />
      </div>
      <Query
        query={query}
        lines={8}
        isEmpty={({ rows }) => rows.length === 0}
        empty={{ title: t('previewEmpty'), text: t('previewEmptyText') }}
        {...(query.error !== null && asApiError(query.error).status === 403 && { advice: t('previewSealed') })}
      >
        {(preview) => {
          const { columns, rows, leftOut } = flat(preview, new Map(dataset.fields.map(({ path: field, type }) => [field, type])));
          const shown = count(preview.version ?? 0);
          return (
            <>
              <span className={said} role="status">
                {t('previewShown', { count: rows.length, version: shown })} {leftOut > 0 && t('previewLeftOut', { count: leftOut })}
              </span>
              <DataGrid label={t('previewLabel', { version: shown })} columns={columns} rows={rows} height={520} />
            </>
          );
        }}
      </Query>
    </div>
  );
}
