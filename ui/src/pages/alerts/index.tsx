import { Page } from '../../components/Page';
import { t } from '../../messages/alerts';

export default function AlertsPage() {
  return <Page title={t('title')} />;
}
