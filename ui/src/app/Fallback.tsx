import { Content, Heading, IllustratedMessage, Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { ErrorBox } from '../components/ErrorBox';
import { t } from '../messages/frame';

const box = style({ padding: 24 });

/** An address that leads nowhere. */
export function Missing() {
  return (
    <div className={box}>
      <IllustratedMessage>
        <Heading level={1}>{t('notFound')}</Heading>
        <Content>
          {t('notFoundHelp')} <Link href="/">{t('goHome')}</Link>
        </Content>
      </IllustratedMessage>
    </div>
  );
}

/** A page that could not be shown at all; the frame around it stays. */
export function Crash({ error, reset }: { readonly error: unknown; readonly reset: () => void }) {
  return (
    <div className={box}>
      <ErrorBox error={error} onRetry={reset} />
    </div>
  );
}
