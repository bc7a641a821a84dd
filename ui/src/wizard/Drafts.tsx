import { Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { to } from '../app/links';
import { Time } from '../components/Values';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/wizard';
import { drafts } from './drafts';
import { steps } from './state';

const box = style({ display: 'flex', flexDirection: 'column', rowGap: 8, font: 'ui' });
const h2 = style({ font: 'title', margin: 0 });
const list = style({ margin: 0, padding: 0, listStyleType: 'none', display: 'flex', flexDirection: 'column', rowGap: 4, maxHeight: 160, overflow: 'auto' });
const line = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, overflowWrap: 'anywhere' });
const quiet = style({ color: 'neutral-subdued' });

/** Dataflows that were begun and not made yet: the way back into the wizard. Nothing where there are none. */
export default function Drafts() {
  // Without them the page still does what it is for.
  const { data = [] } = useQuery(drafts());
  if (data.length === 0) return null;
  return (
    <section className={box} aria-labelledby="drafts">
      <h2 id="drafts" className={h2}>{t('drafts', { count: data.length })}</h2>
      <ul className={list}>
        {data.map(({ id, name, step, updatedAt }) => {
          const at = steps.find((one) => one === step) ?? 'source';
          return (
            <li key={id} className={line}>
              <Link href={to.newFlow({ draft: id, step: at })}><Verbatim>{name === '' ? t('unnamed') : name}</Verbatim></Link>
              <span className={quiet}>{t('stepOf', { at: steps.indexOf(at) + 1, all: steps.length, name: t(at) })}</span>
              <span className={quiet}><Time at={updatedAt} isQuiet /></span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
