import { Page } from '../../components/Page';
import { t } from '../../messages/catalogue';

export default function CataloguePage() {
  return <Page title={t('title')} />;
}
