import { Page } from '../../components/Page';
import { t } from '../../messages/datasets';

export default function DatasetsPage() {
  return <Page title={t('title')} />;
}
