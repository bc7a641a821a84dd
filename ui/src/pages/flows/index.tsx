import { Page } from '../../components/Page';
import { t } from '../../messages/flows';

export default function FlowsPage() {
  return <Page title={t('title')} />;
}
