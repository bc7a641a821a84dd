import { Button } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMemo, useRef, useState } from 'react';
import { asApiError } from '../../api/errors';
import type { Connection } from '../../api/lists';
import { ErrorBox } from '../../components/ErrorBox';
import { type FieldErrors, fieldOf, validate, type Values } from '../../components/spec/schema';
import { SpecForm } from '../../components/SpecForm';
import { toast } from '../../components/toast';
import { t } from '../../messages/account';
import { type Source, secretsOf } from '../../sources/specs';
import { Tests } from '../../sources/Tests';

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 16, maxWidth: 640 });
const note = style({ font: 'body', margin: 0 });

interface Props {
  readonly connection: Connection;
  readonly source: Source | undefined;
  readonly onChange: (operations: readonly object[]) => Promise<void>;
}

/** New credentials for an account: only what is filled in is sent, one operation a parameter. */
export function Replace({ connection, source, onChange }: Props) {
  const { specName, params = {} } = (connection.auth ?? {}) as { specName?: string; params?: Values };
  const schema = source?.auth.find((one) => one.name === specName)?.spec;
  const secrets = useMemo(() => new Set(schema === undefined ? [] : secretsOf(schema)), [schema]);
  const kept = useMemo(() => new Set([...secrets].filter((at) => params[at.slice(1)] !== undefined)), [secrets, params]);
  const before = useMemo(() => Object.fromEntries(Object.entries(params).filter(([name]) => !secrets.has(`/${name}`))), [params, secrets]);
  const [values, setValues] = useState<Values>(before);
  const [errors, setErrors] = useState<FieldErrors>({});
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [round, setRound] = useState(0);
  const summary = useRef<HTMLDivElement>(null);
  if (schema === undefined) return <p className={note}>{t('noCredentials')}</p>;

  async function save(of: NonNullable<typeof schema>): Promise<void> {
    const found = validate(of, values, kept);
    setErrors(found);
    setFailure(undefined);
    if (Object.keys(found).length > 0) {
      setTimeout(() => summary.current?.focus());
      return;
    }
    const names = [...new Set([...Object.keys(before), ...Object.keys(values)])];
    const operations = names.flatMap((name): object[] => {
      const path = `/auth/params/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (JSON.stringify(values[name]) === JSON.stringify(before[name])) return [];
      return values[name] === undefined ? [{ op: 'remove', path }] : [{ op: params[name] === undefined ? 'add' : 'replace', path, value: values[name] }];
    });
    if (operations.length === 0) {
      toast.info(t('nothingToReplace'));
      return;
    }
    setBusy(true);
    try {
      await onChange(operations);
      // The secrets leave the page; the form starts again with what the server has.
      setValues(Object.fromEntries(Object.entries(values).filter(([name]) => !secrets.has(`/${name}`))));
      setRound(round + 1);
      toast.done(t('replaced'));
    } catch (error) {
      const { place, message } = asApiError(error);
      const at = fieldOf(of, place);
      if (at === undefined) setFailure(error);
      else setErrors({ [at]: message });
    } finally {
      setBusy(false);
    }
  }
  return (
    <div className={stack}>
      <p className={note}>{t('replaceHelp')}</p>
      <SpecForm key={`form ${String(round)}`} schema={schema} values={values} onChange={setValues} errors={errors} kept={kept} summary={summary} isDisabled={busy} />
      {failure !== undefined && <ErrorBox error={failure} />}
      <div><Button variant="accent" isPending={busy} onPress={() => void save(schema)}>{t('replace')}</Button></div>
      {source?.isRunnable === true && <Tests key={`tests ${String(round)}`} id={connection.id} isAutomatic={round > 0} />}
    </div>
  );
}
