import { Page } from '../../components/Page';
import { t } from '../../messages/wizard';

export default function WizardPage() {
  return <Page title={t('title')} />;
}
