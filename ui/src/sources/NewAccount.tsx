import { Button, Picker, PickerItem, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { call } from '../api/client';
import { asApiError } from '../api/errors';
import { caller } from '../api/context';
import { ErrorBox } from '../components/ErrorBox';
import { defaults, type FieldErrors, fieldOf, validate, type Values } from '../components/spec/schema';
import { SpecForm } from '../components/SpecForm';
import { t } from '../messages/sources';
import { type Source, withoutSecrets } from './specs';

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 16, maxWidth: 640 });
const note = style({ font: 'ui-sm', color: 'neutral-subdued' });
const full = style({ width: 'full' });

/** What has been typed, without secrets: a draft may keep it. */
export interface AccountInput {
  readonly name?: string;
  readonly description?: string;
  readonly auth?: string;
  readonly params?: Values;
}

interface Props {
  readonly source: Source;
  readonly initial?: AccountInput;
  readonly onInput?: (input: AccountInput) => void;
  readonly onCreated: (id: string) => void;
}

/** A new account of a source: its form comes from the connection spec. */
export function NewAccount({ source, initial = {}, onInput, onCreated }: Props) {
  const client = useQueryClient();
  const [name, setName] = useState(initial.name ?? source.title);
  const [description, setDescription] = useState(initial.description ?? '');
  const [way, setWay] = useState(initial.auth ?? source.auth[0]?.name ?? '');
  const schema = source.auth.find((one) => one.name === way)?.spec ?? {};
  const [values, setValues] = useState<Values>(() => ({ ...defaults(schema), ...initial.params }));
  const [errors, setErrors] = useState<FieldErrors>({});
  const [nameError, setNameError] = useState<string>();
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const summary = useRef<HTMLDivElement>(null);

  function tell(part: Partial<AccountInput> & { readonly of?: Values }): void {
    const { of = values, ...rest } = part;
    onInput?.({ name, description, auth: way, params: withoutSecrets(schema, of), ...rest });
  }
  function refuse(found: FieldErrors): void {
    setErrors(found);
    setTimeout(() => summary.current?.focus());
  }
  async function create(): Promise<void> {
    setFailure(undefined);
    setNameError(name.trim() === '' ? t('nameRequired') : undefined);
    const found = validate(schema, values);
    setErrors(found);
    if (Object.keys(found).length > 0) refuse(found);
    if (Object.keys(found).length > 0 || name.trim() === '') return;
    setBusy(true);
    try {
      const { id } = await call<{ id: string }>('/data/foundation/flowservice/connections', {
        method: 'POST',
        body: {
          name: name.trim(),
          ...(description.trim() !== '' && { description: description.trim() }),
          ...(source.hasAccounts && { auth: { specName: way, params: values } }),
          connectionSpec: { id: source.id, version: source.version },
        },
      });
      // The secrets leave the page as soon as the server has them.
      setValues({});
      await client.invalidateQueries({ predicate: ({ queryKey: [sandbox, path] }) => sandbox === caller.get().sandbox && /\/connections$/.test(String(path)) });
      onCreated(id);
    } catch (error) {
      const { place, message } = asApiError(error);
      const at = fieldOf(schema, place);
      if (at !== undefined) refuse({ [at]: message });
      else if (place === '/name') setNameError(message);
      else setFailure(error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <div className={stack}>
      <TextField label={t('name')} description={t('nameHelp')} isRequired value={name} styles={full} autoComplete="off"
        isInvalid={nameError !== undefined} {...(nameError !== undefined && { errorMessage: nameError })}
        onChange={(text) => { setName(text); tell({ name: text }); }} />
      <TextField label={t('description')} value={description} styles={full} autoComplete="off"
        onChange={(text) => { setDescription(text); tell({ description: text }); }} />
      {source.auth.length > 1 && (
        <Picker label={t('authentication')} value={way} styles={full}
          onChange={(one) => {
            const chosen = String(one);
            setWay(chosen);
            setErrors({});
            const next = defaults(source.auth.find((other) => other.name === chosen)?.spec ?? {});
            setValues(next);
            onInput?.({ name, description, auth: chosen, params: next });
          }}>
          {source.auth.map((one) => <PickerItem key={one.name} id={one.name}>{one.name}</PickerItem>)}
        </Picker>
      )}
      {source.hasAccounts && (
        <SpecForm key={way} schema={schema} values={values} errors={errors} summary={summary} isDisabled={busy}
          onChange={(next) => { setValues(next); tell({ of: next }); }} />
      )}
      <span className={note}>{source.hasAccounts ? t('secretsNote') : t('noAuth')}</span>
      {failure !== undefined && <ErrorBox error={failure} />}
      <div><Button variant="accent" isPending={busy} onPress={() => void create()}>{t('create')}</Button></div>
    </div>
  );
}
