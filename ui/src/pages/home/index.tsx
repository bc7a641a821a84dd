import { Page } from '../../components/Page';
import { t } from '../../messages/home';

export default function HomePage() {
  return <Page title={t('title')} />;
}
