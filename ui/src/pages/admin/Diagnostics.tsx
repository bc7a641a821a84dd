import { Button, ButtonGroup } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation } from '@tanstack/react-query';
import { call } from '../../api/client';
import { OWN } from '../../api/own';
import { CopyAs } from '../../components/CopyAs';
import { ErrorBox } from '../../components/ErrorBox';
import { Json, Source } from '../../components/Source';
import { download } from '../../flows/actions';
import { t } from '../../messages/admin';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const text = style({ font: 'body', margin: 0, maxWidth: 900 });

/** A bundle that is read before it leaves: nothing is sent by this page. */
export default function Diagnostics() {
  const path = `${OWN}/system/diagnostics`;
  const collect = useMutation({ mutationFn: () => call<Readonly<Record<string, unknown>>>(path) });
  const bundle = collect.data;
  const configuration = bundle?.configuration;
  return (
    <div className={column}>
      <p className={text}>{t('diagnosticsText')}</p>
      <ButtonGroup>
        <Button variant={bundle === undefined ? 'accent' : 'secondary'} isPending={collect.isPending} onPress={() => collect.mutate()}>{t('collect')}</Button>
        {bundle !== undefined && (
          <Button variant="accent" onPress={() => download('forebay-diagnostics.json', JSON.stringify(bundle, null, 2), 'application/json')}>{t('download')}</Button>
        )}
        <CopyAs call={{ method: 'GET', path }} />
      </ButtonGroup>
      {collect.error !== null && <ErrorBox error={collect.error} onRetry={() => collect.mutate()} />}
      {bundle !== undefined && (
        <>
          <Json label={t('content')} value={bundle} />
          {typeof configuration === 'string' && <Source label={t('configuration')}>{configuration}</Source>}
        </>
      )}
    </div>
  );
}
