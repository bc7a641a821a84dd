import { Checkbox, CheckboxGroup, NumberField, Radio, RadioGroup, Switch, TextArea, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useEffect } from 'react';
import { policies, type SchemaPolicy } from '../../api/own';
import { t as ofFlow } from '../../messages/flow';
import { t } from '../../messages/wizard';
import type { DetailsState } from '../../wizard/state';
import { nameFrom } from './MappingStep';
import { h3, narrow, note, type StepProps } from './step';

const full = style({ width: 'full' });
const group = style({ display: 'flex', flexDirection: 'column', rowGap: 12 });
const EVENTS = ['sources_flow_run_failure'];

export function DetailsStep({ state, change, source }: StepProps) {
  const { details } = state;
  const { webhook, partialIngestionPercent: percent } = details;
  const set = (part: { [name in keyof DetailsState]?: DetailsState[name] | undefined }) =>
    change((old) => ({ details: Object.fromEntries(Object.entries({ ...old.details, ...part }).filter(([, value]) => value !== undefined)) as DetailsState }));
  const suggestion = state.target.datasetName ?? nameFrom(state, source?.title ?? '');
  useEffect(() => {
    if (details.name === undefined && suggestion !== '') change((old) => ({ details: { ...old.details, name: suggestion } }));
  }, [details.name, suggestion, change]);
  return (
    <div className={narrow}>
      <TextField label={t('name')} isRequired value={details.name ?? ''} onChange={(name) => set({ name })} styles={full} autoComplete="off" />
      <TextArea label={t('description')} value={details.description ?? ''} onChange={(description) => set({ description })} styles={full} />
      <section className={group} aria-labelledby="bad-rows">
        <h3 id="bad-rows" className={h3}>{t('badRows')}</h3>
        <div>
          <Switch isSelected={percent !== undefined} onChange={(isOn) => set({ partialIngestionPercent: isOn ? 5 : undefined, ...(isOn && { errorDiagnosticsEnabled: true }) })}>{t('partial')}</Switch>
          <p className={note}>{t('partialHelp')}</p>
        </div>
        {percent !== undefined && (
          <NumberField label={t('threshold')} value={percent / 100} minValue={0.0001} maxValue={1} step={0.0001} styles={style({ width: 256 })}
            formatOptions={{ style: 'percent', maximumFractionDigits: 2 }}
            onChange={(value) => { if (!Number.isNaN(value)) set({ partialIngestionPercent: Math.round(value * 10_000) / 100 }); }} />
        )}
        <Switch isSelected={details.errorDiagnosticsEnabled === true} isDisabled={percent !== undefined} onChange={(isOn) => set({ errorDiagnosticsEnabled: isOn })}>{t('diagnostics')}</Switch>
      </section>
      <RadioGroup label={ofFlow('policy')} value={details.newColumns ?? 'notify'} onChange={(one) => set({ newColumns: one as SchemaPolicy })}>
        {policies.map((one) => <Radio key={one} value={one}>{ofFlow(one)}</Radio>)}
      </RadioGroup>
      <section className={group} aria-labelledby="alerts">
        <h3 id="alerts" className={h3}>{t('alerts')}</h3>
        <Switch isSelected={webhook !== undefined} onChange={(isOn) => set({ webhook: isOn ? { url: '', events: EVENTS } : undefined })}>{t('webhook')}</Switch>
        {webhook !== undefined && (
          <>
            <TextField label={t('webhookUrl')} type="url" description={t('webhookHelp')} value={webhook.url} styles={full} autoComplete="off"
              onChange={(url) => set({ webhook: { ...webhook, url } })} />
            <CheckboxGroup label={t('webhookEvents')} value={[...webhook.events]} onChange={(events) => set({ webhook: { ...webhook, events } })}>
              <Checkbox value="sources_flow_run_failure">{t('onFailure')}</Checkbox>
              <Checkbox value="sources_flow_run_success">{t('onSuccess')}</Checkbox>
            </CheckboxGroup>
          </>
        )}
      </section>
    </div>
  );
}
