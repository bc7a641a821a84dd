import { Button, Link, LinkButton } from '@react-spectrum/s2';
import Alert from '@react-spectrum/s2/icons/AlertTriangle';
import Cross from '@react-spectrum/s2/icons/CloseCircle';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useState } from 'react';
import type { Need } from '../api/own';
import { useGo } from '../app/go';
import { to } from '../app/links';
import { toast } from '../components/toast';
import { Time } from '../components/Values';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/flow-parts';
import { retryRun } from './actions';

const list = style({ listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column' });
const row = style({
  display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'center', paddingY: 12, borderWidth: 0,
  borderTopWidth: { default: 1, ':first-child': 0 }, borderStyle: 'solid', borderColor: 'gray-200',
});
const words = style({ flexGrow: 1, flexBasis: 240, minWidth: 0, display: 'flex', flexDirection: 'column', rowGap: 2, font: 'ui', overflowWrap: 'anywhere' });
const head = style({ fontWeight: 'bold' });
const quiet = style({ font: 'ui-sm', color: 'neutral-subdued' });
const code = style({ font: 'code-sm' });
const red = iconStyle({ size: 'M', color: 'negative' });
const amber = iconStyle({ size: 'M', color: 'notice' });

/** What waits for a person, each with the button that deals with it. */
export function Needs({ needs, label }: { readonly needs: readonly Need[]; readonly label: string }) {
  return (
    <ul className={list} aria-label={label}>
      {needs.map((need) => (
        <li key={`${need.kind}/${need.flow?.id ?? need.connection?.id ?? ''}`} className={row}>
          {need.severity === 'error' ? <Cross styles={red} aria-label={t('error')} /> : <Alert styles={amber} aria-label={t('warning')} />}
          <div className={words}>
            <span className={head}>
              {need.flow !== undefined && <><Link href={to.flow(need.flow.id)} isStandalone><Verbatim>{need.flow.name}</Verbatim></Link> · </>}
              <Verbatim>{need.title}</Verbatim>
            </span>
            <span>{need.code !== undefined && <span className={code}>{need.code} </span>}<Verbatim>{need.message}</Verbatim> <Verbatim>{need.advice}</Verbatim></span>
            <span className={quiet}>{t('since')} <Time at={need.since} /></span>
          </div>
          <Act need={need} />
        </li>
      ))}
    </ul>
  );
}

function Act({ need }: { readonly need: Need }) {
  const [busy, setBusy] = useState(false);
  const go = useGo();
  const { run } = need;
  const name = need.flow?.name ?? need.connection?.name ?? '';
  const label = t('actionFor', { action: t(need.action), name });
  async function retry(id: string): Promise<void> {
    setBusy(true);
    try {
      await retryRun(id);
      toast.done(t('retried'));
      go(to.run(id));
    } catch (error) {
      toast.failed(error);
    } finally {
      setBusy(false);
    }
  }
  if (need.action === 'retry' && run !== undefined) {
    return (
      <>
        <LinkButton variant="secondary" href={to.run(run)} aria-label={t('actionFor', { action: t('open'), name })}>{t('open')}</LinkButton>
        <Button variant="primary" aria-label={label} isPending={busy} onPress={() => void retry(run)}>{t('retry')}</Button>
      </>
    );
  }
  return <LinkButton variant="primary" aria-label={label} href={placeOf(need)}>{t(need.action)}</LinkButton>;
}

function placeOf({ action, flow, connection, run }: Need): string {
  if (action === 'reauthorise' && connection !== undefined) return to.account(connection.id);
  if (action === 'reviewSchema' && flow !== undefined) return to.flow(flow.id, { tab: 'schema' });
  if (run !== undefined) return to.run(run);
  if (flow !== undefined) return to.flow(flow.id);
  return connection === undefined ? to.flows() : to.account(connection.id);
}
