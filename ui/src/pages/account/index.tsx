import { Page } from '../../components/Page';
import { t } from '../../messages/account';

export default function AccountPage() {
  return <Page title={t('title')} />;
}
