import { Page } from '../../components/Page';
import { t } from '../../messages/admin';

export default function AdminPage() {
  return <Page title={t('title')} />;
}
