import { Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { own, type System } from '../../api/own';
import { to } from '../../app/links';
import { Query } from '../../components/States';
import { t } from '../../messages/admin';
import { Level } from './Level';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 24, maxWidth: 900 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 8 });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

/** How the key that seals credentials is, and where clients' secrets are replaced. */
export default function Keys() {
  const query = useQuery(own<System>('/system'));
  return (
    <div className={column}>
      <section className={section} aria-labelledby="master">
        <h2 id="master" className={h2}>{t('masterKey')}</h2>
        <p className={text}>{t('keysText')}</p>
        <Query query={query} lines={2}>
          {({ checks }) => {
            const check = checks.find(({ name }) => name === 'key');
            return check === undefined ? <p className={text}>{t('noKeyCheck')}</p> : (
              <>
                <p className={text}><Level of={check.level} /> {check.message}</p>
                {check.advice !== undefined && <p className={text}>{check.advice}</p>}
              </>
            );
          }}
        </Query>
        <p className={text}>{t('masterKeyHow')}</p>
      </section>
      <section className={section} aria-labelledby="secrets">
        <h2 id="secrets" className={h2}>{t('clientKeys')}</h2>
        <p className={text}>{t('clientKeysText')}</p>
        <span><Link href={to.admin('users')}>{t('clientKeysLink')}</Link></span>
      </section>
    </div>
  );
}
