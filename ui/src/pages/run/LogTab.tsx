import { LinkButton } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { caller } from '../../api/context';
import { OWN } from '../../api/own';
import { CopyAs } from '../../components/CopyAs';
import { ErrorBox } from '../../components/ErrorBox';
import { LogView } from '../../components/LogView';
import { Skeleton } from '../../components/States';
import { t } from '../../messages/run';
import { useLog } from './useLog';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', gap: 12, alignItems: 'center' });
const said = style({ font: 'ui-sm', color: 'neutral-subdued' });

export default function LogTab({ id, isLive }: { readonly id: string; readonly isLive: boolean }) {
  const { lines, total, error, isReady, retry } = useLog(id, isLive);
  const path = `${OWN}/runs/${id}/log`;
  const file = `${path}?${new URLSearchParams({ format: 'text', sandbox: caller.get().sandbox ?? '' }).toString()}`;
  return (
    <div className={column}>
      {!isReady && <Skeleton lines={10} />}
      {error !== undefined && <ErrorBox error={error} onRetry={retry} />}
      {isReady && (error === undefined || lines.length > 0) && <LogView label={t('log')} lines={lines} isLive={isLive} />}
      {isReady && (
        <div className={bar}>
          <LinkButton variant="secondary" href={file} download>{t('downloadLog')}</LinkButton>
          <CopyAs of={t('log')} call={{ method: 'GET', path, cli: `forebay runs logs ${id}${isLive ? ' --follow' : ''}` }} />
          {lines.length < total && <span role="status" className={said}>{t('loadingLog', { shown: lines.length, count: total })}</span>}
        </div>
      )}
    </div>
  );
}
