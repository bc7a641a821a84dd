import { Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { t } from '../messages/common';
import { count } from './format';

type Part = 'received' | 'ingested' | 'failed' | 'skipped';
type Numbers = Readonly<Record<Part, number>>;

const line = style({ display: 'flex', flexWrap: 'wrap', columnGap: 8, rowGap: 4, font: 'body', alignItems: 'baseline' });
const wrong = style({ color: 'negative' });

interface Props extends Numbers {
  /** Where the rows of each number are shown. */
  readonly hrefs?: Partial<Readonly<Record<Part, string>>>;
  /** Rows are still on their way: the numbers need not add up yet. */
  readonly isOpen?: boolean;
}

/** received = ingested + failed + skipped, each a link to its rows; says so when the server's numbers do not add up. */
export function Balance({ hrefs = {}, isOpen = false, ...numbers }: Props) {
  const missing = numbers.received - numbers.ingested - numbers.failed - numbers.skipped;
  const part = (name: Part) => {
    const text = t(name, { value: count(numbers[name]) });
    const href = hrefs[name];
    return href === undefined ? <span>{text}</span> : <Link href={href}>{text}</Link>;
  };
  return (
    <div className={line}>
      {part('received')}<span>=</span>{part('ingested')}<span>+</span>{part('failed')}<span>+</span>{part('skipped')}
      {missing !== 0 && !isOpen && <span className={wrong}>{t('unbalanced', { count: missing })}</span>}
    </div>
  );
}
