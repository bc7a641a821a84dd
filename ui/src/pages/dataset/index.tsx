import { Content, Heading, InlineAlert } from '@react-spectrum/s2';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { useLive } from '../../api/live';
import { type DatasetDetail, OWN, own } from '../../api/own';
import { to } from '../../app/links';
import { CopyAs } from '../../components/CopyAs';
import { Facts } from '../../components/Facts';
import { Page } from '../../components/Page';
import { Query, Skeleton } from '../../components/States';
import { Bytes, Count, Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { t } from '../../messages/dataset';

const Fields = lazy(() => import('./Fields'));
const History = lazy(() => import('./History'));
const LabelsTab = lazy(() => import('./Labels'));
const Lineage = lazy(() => import('./Lineage'));
const OpenIn = lazy(() => import('./OpenIn'));
const Preview = lazy(() => import('./Preview'));
const SettingsTab = lazy(() => import('./Settings'));

/** Each tab is loaded when it is first shown. */
function tab(content: ReactNode): ReactNode {
  return <Suspense fallback={<Skeleton lines={6} />}>{content}</Suspense>;
}

export default function DatasetPage() {
  const { id } = useParams({ from: '/$sandbox/datasets/$id' });
  useLive(['dataset', 'run', 'batch', 'flow', 'schema']);
  const query = useQuery(own<DatasetDetail>(`/datasets/${encodeURIComponent(id)}`));
  const data = query.data;
  return (
    <Page
      title={data?.name ?? t('title')}
      breadcrumbs={[{ title: t('datasets'), href: to.datasets() }]}
      actions={<CopyAs call={{ method: 'GET', path: `${OWN}/datasets/${id}`, ...(data !== undefined && { cli: `forebay tables get ${id}` }) }} />}
      {...(data !== undefined && {
        tabs: [
          { id: 'preview', title: t('preview'), content: tab(<Preview dataset={data} />) },
          { id: 'history', title: t('history'), content: tab(<History dataset={data} />) },
          { id: 'schema', title: t('schema'), content: tab(<Fields dataset={data} />) },
          { id: 'labels', title: t('labels'), content: tab(<LabelsTab dataset={data} />) },
          { id: 'flows', title: t('flows'), content: tab(<Lineage dataset={data} />) },
          { id: 'open', title: t('open'), content: tab(<OpenIn dataset={data} />) },
          { id: 'settings', title: t('settings'), content: tab(<SettingsTab dataset={data} />) },
        ],
      })}
    >
      <Query query={query} lines={4}>{(dataset) => <Summary of={dataset} />}</Query>
    </Page>
  );
}

function Summary({ of }: { readonly of: DatasetDetail }) {
  return (
    <>
      {of.description !== undefined && of.description !== '' && <span><Verbatim>{of.description}</Verbatim></span>}
      <Facts
        of={[
          [t('rows'), of.rows === undefined ? t('unknownRows') : <Count value={of.rows} />],
          [t('size'), <Bytes key="size" value={of.bytes} />],
          [t('files'), <Count key="files" value={of.files} />],
          [t('version'), of.version === undefined ? t('notWritten') : <Count value={of.version} />],
          [t('updated'), <Time key="updated" at={of.updatedAt} />],
          [t('keyed'), of.keyed ? t('keyedYes') : t('keyedNo')],
          [t('path'), of.path],
        ]}
      />
      {of.error !== undefined && (
        <InlineAlert variant="notice"><Heading>{t('tableError', { reason: of.error })}</Heading><Content>{of.path}</Content></InlineAlert>
      )}
    </>
  );
}
