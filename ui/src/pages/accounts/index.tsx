import { Page } from '../../components/Page';
import { t } from '../../messages/accounts';

export default function AccountsPage() {
  return <Page title={t('title')} />;
}
