import { Button, ButtonGroup, Checkbox, CheckboxGroup, Content, Dialog, Heading, Radio, RadioGroup, TextField, useDialogContainer } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { asApiError } from '../../api/errors';
import { type Flows, own } from '../../api/own';
import { ErrorBox } from '../../components/ErrorBox';
import { SecretDialog } from '../../components/SecretDialog';
import { Query } from '../../components/States';
import { Verbatim } from '../../components/Verbatim';
import { t } from '../../messages/alerts';
import { createWebhook, FAILURE, SUCCESS } from './webhooks';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'body' });
const wide = style({ width: 'full' });
const scroll = style({ maxHeight: 240, overflow: 'auto' });

export default function Create() {
  const { dismiss } = useDialogContainer();
  const [name, setName] = useState('');
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<readonly string[]>([FAILURE]);
  const [isAll, setAll] = useState(true);
  const [flows, setFlows] = useState<readonly string[]>([]);
  const [secret, setSecret] = useState('');
  const [isTried, setTried] = useState(false);
  const create = useMutation({
    mutationFn: () =>
      createWebhook({
        url: url.trim(), events,
        ...(name.trim() !== '' && { name: name.trim() }),
        ...(!isAll && { flowIds: flows }),
        ...(secret !== '' && { secret }),
      }),
    // A secret does not outlive the dialog.
    gcTime: 0,
    onSuccess: (made) => {
      if (made.secret === undefined) dismiss();
    },
  });
  const made = create.data?.secret;
  if (made !== undefined) {
    return <SecretDialog title={t('createdTitle')} text={t('createdText')} label={t('secret')} secret={made} action={t('close')} onClose={dismiss} />;
  }
  const problems = { url: url.trim() === '', events: events.length === 0, flows: !isAll && flows.length === 0 };
  const place = create.error === null ? undefined : asApiError(create.error).place;
  function submit(): void {
    setTried(true);
    if (!Object.values(problems).some(Boolean)) create.mutate();
  }
  const isBadUrl = (isTried && problems.url) || place === '/url';
  return (
    <Dialog size="M">
      <Heading slot="title">{t('createTitle')}</Heading>
      <Content>
        <div className={column}>
          {create.error !== null && <ErrorBox error={create.error} />}
          <TextField label={t('name')} value={name} onChange={setName} styles={wide} />
          <TextField
            label={t('url')} type="url" value={url} onChange={setUrl} description={t('urlHelp')} isRequired isInvalid={isBadUrl} styles={wide}
            errorMessage={problems.url ? t('noUrl') : create.error?.message}
          />
          <CheckboxGroup label={t('events')} value={[...events]} onChange={setEvents} isInvalid={isTried && problems.events} errorMessage={t('noEvents')}>
            <Checkbox value={FAILURE}>{t('failure')}</Checkbox>
            <Checkbox value={SUCCESS}>{t('success')}</Checkbox>
          </CheckboxGroup>
          <RadioGroup label={t('chosenFlows')} value={isAll ? 'all' : 'some'} onChange={(which) => setAll(which === 'all')}>
            <Radio value="all">{t('allFlows')}</Radio>
            <Radio value="some">{t('onlyFlows')}</Radio>
          </RadioGroup>
          {!isAll && <FlowChoice chosen={flows} onChange={setFlows} isInvalid={isTried && problems.flows} />}
          <TextField
            label={t('secret')} type="password" autoComplete="off" value={secret} onChange={setSecret} description={t('secretHelp')} styles={wide}
            isInvalid={place === '/secret'} errorMessage={create.error?.message}
          />
        </div>
      </Content>
      <ButtonGroup><Button variant="accent" isPending={create.isPending} onPress={submit}>{t('create')}</Button></ButtonGroup>
    </Dialog>
  );
}

interface ChoiceProps {
  readonly chosen: readonly string[];
  readonly onChange: (flows: readonly string[]) => void;
  readonly isInvalid: boolean;
}

function FlowChoice({ chosen, onChange, isInvalid }: ChoiceProps) {
  const query = useQuery(own<Flows>('/flows', { limit: 1000 }));
  return (
    <Query query={query} lines={3}>
      {({ items }) => (
        <div className={scroll}>
          <CheckboxGroup label={t('pickFlows')} value={[...chosen]} onChange={onChange} isInvalid={isInvalid} errorMessage={t('noFlows')}>
            {items.map(({ id, name }) => <Checkbox key={id} value={id}><Verbatim>{name}</Verbatim></Checkbox>)}
          </CheckboxGroup>
        </div>
      )}
    </Query>
  );
}
