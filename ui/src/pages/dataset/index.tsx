import { Page } from '../../components/Page';
import { t } from '../../messages/dataset';

export default function DatasetPage() {
  return <Page title={t('title')} />;
}
