import { Button, Link } from '@react-spectrum/s2';
import Check from '@react-spectrum/s2/icons/CheckmarkCircle';
import Circle from '@react-spectrum/s2/icons/Circle';
import Cross from '@react-spectrum/s2/icons/CloseCircle';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { call } from '../api/client';
import { keyOf } from '../api/query';
import { ErrorBox } from '../components/ErrorBox';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/sources';

interface CheckOf {
  readonly name: string;
  readonly ok: boolean;
  readonly millis: number;
  readonly error?: { readonly code?: string; readonly message?: string; readonly advice?: string };
}

export interface Tested {
  readonly result: boolean;
  readonly checks?: readonly CheckOf[];
  readonly at: number;
}

const names: Readonly<Record<string, () => string>> = { connect: () => t('connect'), 'sign in': () => t('signIn'), list: () => t('list') };

/** The last test of a connection in this session; `refetch` tests. */
export function useTest(id: string) {
  return useQuery({
    queryKey: keyOf(`/data/foundation/flowservice/connections/${id}/test`),
    queryFn: async ({ signal }): Promise<Tested> => ({
      ...(await call<Omit<Tested, 'at'>>(`/data/foundation/flowservice/connections/${id}/test`, { signal })),
      at: Date.now(),
    }),
    enabled: false,
    retry: false,
    staleTime: Infinity,
  });
}

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 12 });
const list = style({ maxWidth: 640, margin: 0, padding: 0, listStyleType: 'none', display: 'flex', flexDirection: 'column', rowGap: 8 });
const line = style({ display: 'flex', columnGap: 8, alignItems: 'start', font: 'ui', flexWrap: 'wrap' });
const text = style({ display: 'flex', flexDirection: 'column', rowGap: 4, flexGrow: 1, flexBasis: 200, overflowWrap: 'anywhere' });
const time = style({ font: 'code-sm', color: 'neutral-subdued' });
const code = style({ font: 'code-sm' });
const verdict = style({ font: 'title-sm' });
const good = iconStyle({ size: 'S', color: 'positive' });
const bad = iconStyle({ size: 'S', color: 'negative' });
const quiet = iconStyle({ size: 'S', color: 'gray' });

interface Props {
  readonly id: string;
  /** Tests as soon as it is shown. */
  readonly isAutomatic?: boolean;
  /** Where a failed test leads to, from pages that cannot repair it themselves. */
  readonly repair?: string;
}

/** The named checks of a connection, one line each. */
export function Tests({ id, isAutomatic = false, repair }: Props) {
  const { data, error, isFetching, refetch } = useTest(id);
  const [wasAsked, setAsked] = useState(false);
  useEffect(() => {
    if (!isAutomatic || wasAsked || data !== undefined) return;
    setAsked(true);
    void refetch();
  }, [isAutomatic, wasAsked, data, refetch]);
  const checks = data?.checks ?? [];
  return (
    <div className={stack}>
      <div><Button variant="secondary" isPending={isFetching} onPress={() => void refetch()}>{data === undefined ? t('test') : t('testAgain')}</Button></div>
      <div role="status" className={verdict}>
        {isFetching ? t('testing') : data === undefined ? '' : data.result ? t('testPassed') : t('testFailed')}
      </div>
      {error !== null && !isFetching && <ErrorBox error={error} />}
      {checks.length > 0 && (
        <ul className={list}>
          {checks.map((one, i) => {
            const isSkipped = !one.ok && one.error === undefined && checks.slice(0, i).some((before) => !before.ok);
            const Icon = one.ok ? Check : isSkipped ? Circle : Cross;
            return (
              <li key={one.name} className={line}>
                <Icon styles={one.ok ? good : isSkipped ? quiet : bad} aria-label={one.ok ? t('checkPassed') : isSkipped ? t('checkNotDone') : t('checkFailed')} />
                <div className={text}>
                  <span>{names[one.name]?.() ?? one.name.charAt(0).toUpperCase() + one.name.slice(1)}{isSkipped && ` – ${t('checkNotDone')}`}</span>
                  {one.error !== undefined && <span><span className={code}>{one.error.code} </span><Verbatim>{one.error.message}</Verbatim></span>}
                  {one.error?.advice !== undefined && <span>{t('whatToDo', { advice: one.error.advice })}</span>}
                </div>
                {!isSkipped && <span className={time}>{t('millis', { count: one.millis })}</span>}
              </li>
            );
          })}
        </ul>
      )}
      {repair !== undefined && data?.result === false && !isFetching && <div><Link href={repair}>{t('replaceCredentials')}</Link></div>}
    </div>
  );
}
