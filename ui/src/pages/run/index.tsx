import { Page } from '../../components/Page';
import { t } from '../../messages/run';

export default function RunPage() {
  return <Page title={t('title')} />;
}
