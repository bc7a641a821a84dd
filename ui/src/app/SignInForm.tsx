import { Button, Form, Radio, RadioGroup, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { type FormEvent, useState } from 'react';
import { asApiError } from '../api/errors';
import { ErrorBox } from '../components/ErrorBox';
import { t } from '../messages/sign-in';
import { type Credentials, signIn, tokenOf } from './session';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'body' });
const code = style({ font: 'code-sm' });
const list = style({ margin: 0, paddingStart: 20 });

interface Props {
  /** A failure from before the form was shown, of a link. */
  readonly failure?: unknown;
  readonly onDone: () => void;
}

/** Fields that password managers know and that can be pasted into; nothing typed here outlives the form. */
export function SignInForm({ failure, onDone }: Props) {
  const [way, setWay] = useState('token');
  const [error, setError] = useState<unknown>(failure);
  const [busy, setBusy] = useState(false);
  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const field = (name: string) => String(data.get(name) ?? '').trim();
    const given: Credentials =
      way === 'token' ? { token: tokenOf(field('token')) } : { clientId: field('username'), clientSecret: field('password') };
    setBusy(true);
    try {
      await signIn(given);
      onDone();
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  }
  const isRefused = error !== undefined && [400, 401, 403].includes(asApiError(error).status);
  return (
    <div className={column}>
      {error !== undefined && <ErrorBox error={error} {...(isRefused && { advice: <Refused isLink={way === 'token'} /> })} />}
      <RadioGroup
        aria-label={t('signIn')}
        value={way}
        orientation="horizontal"
        onChange={(chosen) => {
          setWay(chosen);
          setError(undefined);
        }}
      >
        <Radio value="token">{t('withToken')}</Radio>
        <Radio value="client">{t('withClient')}</Radio>
      </RadioGroup>
      <Form onSubmit={(event) => void submit(event)}>
        {way === 'token' ? (
          <TextField
            key="token" name="token" type="password" label={t('token')} description={t('tokenHelp')}
            autoComplete="one-time-code" isRequired styles={style({ width: 'full' })}
          />
        ) : (
          <>
            <TextField key="client" name="username" label={t('clientId')} autoComplete="username" isRequired styles={style({ width: 'full' })} />
            <TextField
              key="secret" name="password" type="password" label={t('clientSecret')} autoComplete="current-password" isRequired
              styles={style({ width: 'full' })}
            />
          </>
        )}
        <Button type="submit" variant="accent" isPending={busy}>{t('signIn')}</Button>
      </Form>
    </div>
  );
}

function Refused({ isLink }: { readonly isLink: boolean }) {
  if (!isLink) return <>{t('refusedClient')}</>;
  return (
    <>
      {t('refusedLink')}
      <ul className={list}>
        <li>{t('refusedCli')} <code className={code}>forebay login --browser</code></li>
        <li>{t('refusedTerminal')}</li>
      </ul>
    </>
  );
}
