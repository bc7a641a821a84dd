import { Picker, PickerItem, Radio, RadioGroup } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type Connection, list } from '../../api/lists';
import { to } from '../../app/links';
import { Query } from '../../components/States';
import { t as common } from '../../messages/common';
import { t } from '../../messages/wizard';
import { NewAccount } from '../../sources/NewAccount';
import { Tests } from '../../sources/Tests';
import { body, narrow, type StepProps } from './step';

const EMPTY: readonly Connection[] = [];

export function AccountStep(props: StepProps) {
  const { source } = props;
  const connections = useInfiniteQuery(list('connections'));
  if (source === undefined) return <p className={body}>{t('lackSource')}</p>;
  return (
    <Query query={connections}>
      {(all) => <Choice {...props} of={all.filter((one) => one.connectionSpec?.id === source.id)} />}
    </Query>
  );
}

function Choice({ state, change, source, of = EMPTY }: StepProps & { readonly of: readonly Connection[] }) {
  const [isNew, setNew] = useState(of.length === 0 || state.account?.name !== undefined);
  const chosen = of.find((one) => one.id === state.connectionId);
  const pick = (id: string) => {
    if (id === state.connectionId) return;
    change({ connectionId: id, ...(state.connectionId !== undefined && { data: { params: {}, properties: {} } }) });
  };
  return (
    <div className={narrow}>
      {of.length > 0 && (
        <RadioGroup aria-label={t('account')} orientation="horizontal" value={isNew ? 'new' : 'existing'} onChange={(one) => setNew(one === 'new')}>
          <Radio value="existing">{t('existing', { count: of.length })}</Radio>
          <Radio value="new">{t('newAccount')}</Radio>
        </RadioGroup>
      )}
      {isNew && source !== undefined ? (
        <NewAccount
          key={source.id} source={source} initial={state.account ?? {}} onInput={(account) => change({ account })}
          onCreated={(id) => {
            setNew(false);
            change({ connectionId: id, account: {}, data: { params: {}, properties: {} } });
          }}
        />
      ) : (
        <Picker label={t('chooseAccount')} placeholder={common('choose')} value={state.connectionId ?? null} styles={style({ width: 'full' })} onChange={(one) => pick(String(one))}>
          {of.map((one) => (
            <PickerItem key={one.id} id={one.id}>
              {one.state === 'disabled' ? t('isDisabled', { name: one.name ?? one.id }) : (one.name ?? one.id)}
            </PickerItem>
          ))}
        </Picker>
      )}
      {!isNew && chosen !== undefined && <Tests key={chosen.id} id={chosen.id} isAutomatic repair={to.account(chosen.id, { tab: 'credentials' })} />}
    </div>
  );
}
