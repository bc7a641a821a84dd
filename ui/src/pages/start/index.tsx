import { Page } from '../../components/Page';
import { t } from '../../messages/start';

export default function StartPage() {
  return <Page title={t('title')} />;
}
