import { Link, Radio, RadioGroup, SearchField } from '@react-spectrum/s2';
import { useState } from 'react';
import { to } from '../../app/links';
import { t } from '../../messages/wizard';
import type { Source } from '../../sources/specs';
import { without } from '../../wizard/state';
import { note, stack, type StepProps } from './step';

export function SourceStep({ state, change, sources }: StepProps & { readonly sources: readonly Source[] }) {
  const [query, setQuery] = useState('');
  const runnable = sources.filter((one) => one.isRunnable);
  const shown = runnable.filter((one) => one.id === state.specId || `${one.title} ${one.description}`.toLowerCase().includes(query.toLowerCase()));
  function choose(id: string): void {
    if (id === state.specId) return;
    // What was chosen in another source has no meaning in this one.
    change({ specId: id, connectionId: undefined, account: {}, data: { params: {}, properties: {} }, mapping: [], target: without(state.target, 'schema') });
  }
  return (
    <div className={stack}>
      {runnable.length > 6 && <SearchField label={t('searchSource')} value={query} onChange={setQuery} />}
      <RadioGroup label={t('chooseSource')} value={state.specId ?? null} onChange={choose}>
        {shown.map((one) => (
          <Radio key={one.id} value={one.id}>{`${one.title} – ${one.description}`}</Radio>
        ))}
      </RadioGroup>
      <p className={note}>{t('onlyRunnable')} <Link href={to.sources()}>{t('catalogue')}</Link></p>
    </div>
  );
}
