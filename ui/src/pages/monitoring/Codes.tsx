import { Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMemo } from 'react';
import type { RunRow } from '../../api/own';
import { to } from '../../app/links';
import { type ColumnOf, List } from '../../components/List';
import { Count, Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { visible } from '../../components/visible';
import { t } from '../../messages/monitoring';
import { byCode, type CodeSum } from './runs';

const text = style({ font: 'body', margin: 0 });

const columns: readonly ColumnOf<CodeSum>[] = [
  { id: 'code', title: t('code'), minWidth: 208, value: ({ code }) => code, cell: ({ code }) => <Link href={`/docs/errors.html#${code}`}>{code}</Link> },
  { id: 'times', title: t('times'), align: 'end', value: ({ runs }) => runs, cell: ({ runs }) => <Count value={runs} /> },
  { id: 'last', title: t('last'), minWidth: 112, value: ({ lastAt }) => lastAt, cell: ({ lastAt }) => <Time at={lastAt} isQuiet /> },
  {
    id: 'where', title: t('where'), minWidth: 208,
    cell: ({ flows }) => flows.map(({ id, name }, i) => <span key={id}>{i > 0 && ', '}<Link href={to.flow(id, { tab: 'runs' })}><Verbatim>{name}</Verbatim></Link></span>),
  },
  { id: 'message', title: t('message'), minWidth: 320, isLong: true, cell: ({ message }) => <span title={visible(message)}><Verbatim>{message}</Verbatim></span> },
];

/** Why runs failed, each reason once. */
export default function Codes({ runs }: { readonly runs: readonly RunRow[] }) {
  const codes = useMemo(() => [...byCode(runs)].sort((a, b) => b.runs - a.runs), [runs]);
  if (codes.length === 0) return <p className={text}>{t('noCodes')}</p>;
  return (
    <List
      label={t('byCode')}
      items={codes}
      id={({ code }) => code}
      columns={columns}
      text={({ code, message, flows }) => [code, message, ...flows.map(({ name }) => name)].join(' ')}
      urlPrefix="codes"
    />
  );
}
