import { Page } from '../../components/Page';
import { t } from '../../messages/flow';

export default function FlowPage() {
  return <Page title={t('title')} />;
}
