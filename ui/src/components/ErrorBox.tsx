import { Button, ButtonGroup, Content, Heading, InlineAlert } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { ReactNode } from 'react';
import { type ApiError, asApiError, isSignedOut } from '../api/errors';
import { t } from '../messages/common';
import { toast } from './toast';
import { Verbatim } from './Verbatim';

const facts = style({ display: 'flex', flexDirection: 'column', rowGap: 4, font: 'body', overflowWrap: 'anywhere' });
const code = style({ font: 'code-sm' });
const label = style({ fontWeight: 'bold' });

interface Props {
  readonly error: unknown;
  readonly onRetry?: () => void;
  /** What to do, in words of the page, in place of the general advice. */
  readonly advice?: ReactNode;
  /** More buttons. */
  readonly actions?: ReactNode;
}

/** A failure in four parts: what · why, in the server's words · where · what to do; with the request id, to copy. */
export function ErrorBox({ error: thrown, onRetry, advice, actions }: Props) {
  const error = asApiError(thrown);
  return (
    <InlineAlert variant={error.status === 403 ? 'notice' : 'negative'} styles={style({ maxWidth: 900 })}>
      <Heading>{titleOf(error)}</Heading>
      <Content>
        <div className={facts}>
          <span>{error.code !== 'UI' && <span className={code}>{error.code} </span>}<Verbatim>{error.message}</Verbatim></span>
          {error.place !== undefined && <span><span className={label}>{t('errorWhere')}: </span><span className={code}><Verbatim>{error.place}</Verbatim></span></span>}
          <span><span className={label}>{t('errorDo')}: </span>{advice ?? adviceOf(error)}</span>
          {error.requestId !== undefined && (
            <span><span className={label}>{t('errorRequest')}: </span><span className={code}>{error.requestId}</span></span>
          )}
          <ButtonGroup styles={style({ marginTop: 8 })}>
            {onRetry !== undefined && <Button variant="primary" onPress={onRetry}>{t('retry')}</Button>}
            {actions}
            <Button variant="secondary" fillStyle="outline" onPress={() => void copy(error)}>{t('copyError')}</Button>
          </ButtonGroup>
        </div>
      </Content>
    </InlineAlert>
  );
}

function titleOf(error: ApiError): string {
  return error.status === 0 ? t('offline') : error.status === 403 && !isSignedOut(error) ? t('denied') : error.title;
}

/** What to do when the server does not say. */
export function adviceOf(error: ApiError): string {
  if (error.advice !== undefined) return error.advice;
  if (isSignedOut(error)) return t('signInAdvice');
  switch (error.status) {
    case 0: return t('offlineAdvice');
    case 403: return t('deniedAdvice');
    case 404: return t('goneAdvice');
    case 409:
    case 412: return t('staleAdvice');
    case 429:
    case 503: return t('waitAdvice', { count: error.retryAfter ?? 5 });
    default: return error.status >= 400 && error.status < 500 ? t('refusedAdvice') : t('failedAdvice');
  }
}

async function copy({ code: id, title, message, place, requestId, status }: ApiError): Promise<void> {
  await navigator.clipboard.writeText(JSON.stringify({ code: id, status, title, message, place, requestId, page: location.href }, null, 2));
  toast.done(t('copied'));
}
