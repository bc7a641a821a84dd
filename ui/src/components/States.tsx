import { Button, Content, Heading, IllustratedMessage, InlineAlert } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { asApiError } from '../api/errors';
import { t } from '../messages/common';
import { ErrorBox } from './ErrorBox';
import { exactTime } from './format';
import { Pending } from './Pending';

export interface EmptyOf {
  readonly title: string;
  /** What this is, in a sentence or two. */
  readonly text: string;
  /** One action. */
  readonly action?: ReactNode;
  /** One link to read more. */
  readonly link?: ReactNode;
}

type Result<T> = Pick<UseQueryResult<T>, 'data' | 'error' | 'isPending' | 'isFetching' | 'dataUpdatedAt' | 'refetch'>;

interface Props<T> {
  readonly query: Result<T>;
  readonly children: (data: T) => ReactNode;
  readonly isEmpty?: (data: T) => boolean;
  readonly empty?: EmptyOf;
  /** Which parts the data lack, in words, when some of its sources failed. */
  readonly partial?: (data: T) => string | undefined;
  /** How many grey lines stand for the content while it loads. */
  readonly lines?: number;
  /** Advice of the page on an error, in place of the general one. */
  readonly advice?: ReactNode;
}

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0, outlineStyle: 'none' });

/** A query in all six states: loading, empty, error, partial, no permission, stale. */
export function Query<T>({ query, children, isEmpty, empty, partial, lines = 6, advice }: Props<T>) {
  const place = useRef<HTMLDivElement>(null);
  const { data, error, isPending, dataUpdatedAt, refetch } = query;
  function retry(): void {
    // The button that was pressed goes away: the focus stays at this place, not at the top of the page.
    place.current?.focus();
    void refetch();
  }
  const missing = data === undefined ? undefined : partial?.(data);
  return (
    <div ref={place} tabIndex={-1} className={column}>
      {isPending && <Skeleton lines={lines} />}
      {error !== null && data === undefined && <ErrorBox error={error} onRetry={retry} {...(advice !== undefined && { advice })} />}
      {error !== null && data !== undefined && <Stale at={dataUpdatedAt} reason={asApiError(error).message} onRetry={retry} />}
      {missing !== undefined && (
        <InlineAlert variant="notice"><Heading>{t('partial')}</Heading><Content>{missing}</Content></InlineAlert>
      )}
      {data !== undefined && (empty !== undefined && (isEmpty?.(data) ?? false) ? <Empty {...empty} /> : children(data))}
    </div>
  );
}

function Stale({ at, reason, onRetry }: { readonly at: number; readonly reason: string; readonly onRetry: () => void }) {
  return (
    <InlineAlert variant="notice">
      <Heading>{t('stale', { time: exactTime(at) })}</Heading>
      <Content>
        {reason} <Button variant="secondary" size="S" onPress={onRetry}>{t('retry')}</Button>
      </Content>
    </InlineAlert>
  );
}

export function Empty({ title, text, action, link }: EmptyOf) {
  return (
    <IllustratedMessage styles={style({ marginX: 'auto', marginY: 32 })}>
      <Heading>{title}</Heading>
      <Content>
        <div className={style({ display: 'flex', flexDirection: 'column', alignItems: 'center', rowGap: 16 })}>
          <span>{text}</span>
          {action}
          {link}
        </div>
      </Content>
    </IllustratedMessage>
  );
}

const bars = style({ display: 'flex', flexDirection: 'column', rowGap: 12 });
const bar = style({
  height: 20, borderRadius: 'sm', backgroundColor: 'gray-200', width: { default: 'full', isShort: '[60%]' },
});

/** Grey lines in place of what loads; nothing at all for the first 300 ms, so that fast answers do not flicker. */
export function Skeleton({ lines = 6 }: { readonly lines?: number }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return <Pending />;
  return (
    <div role="status" aria-label={t('loading')} className={bars}>
      {Array.from({ length: lines }, (_, i) => <div key={i} className={bar({ isShort: i % 3 === 2 })} aria-hidden />)}
    </div>
  );
}
