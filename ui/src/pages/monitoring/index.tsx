import { Page } from '../../components/Page';
import { t } from '../../messages/monitoring';

export default function MonitoringPage() {
  return <Page title={t('title')} />;
}
