import { Button, Form, Radio, RadioGroup, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useRouter, useSearch } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { BASE } from '../../app/links';
import { signIn } from '../../app/session';
import { asApiError } from '../../api/errors';
import { ErrorBox } from '../../components/ErrorBox';
import { t } from '../../messages/sign-in';

const page = style({ minHeight: 'screen', display: 'flex', alignItems: 'center', justifyContent: 'center', padding: 16, boxSizing: 'border-box' });
const box = style({ width: 'full', maxWidth: 400, display: 'flex', flexDirection: 'column', rowGap: 16 });
const h1 = style({ font: 'heading', margin: 0 });

/** Fields that password managers know and that can be pasted into; nothing typed here outlives the page. */
export default function SignInPage() {
  const [way, setWay] = useState('token');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const { history } = useRouter();
  const { next } = useSearch({ from: '/sign-in' });
  useEffect(() => {
    document.title = t('title');
  }, []);
  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const field = (name: string) => String(data.get(name) ?? '').trim();
    setBusy(true);
    try {
      await signIn(way === 'token' ? { token: field('token') } : { clientId: field('username'), clientSecret: field('password') });
      history.push(BASE + (next?.startsWith('/') && !next.startsWith('//') ? next : '/'));
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }
  const refused = error !== undefined && asApiError(error).status < 500 && asApiError(error).status >= 400;
  return (
    <main className={page}>
      <div className={box}>
        <h1 className={h1}>{t('title')}</h1>
        <p className={style({ font: 'body', margin: 0 })}>{t('link')}</p>
        {error !== undefined && <ErrorBox error={error} {...(refused && { advice: t('refused') })} />}
        <RadioGroup aria-label={t('signIn')} value={way} onChange={setWay} orientation="horizontal">
          <Radio value="token">{t('withToken')}</Radio>
          <Radio value="client">{t('withClient')}</Radio>
        </RadioGroup>
        <Form onSubmit={(event) => void submit(event)}>
          {way === 'token' ? (
            <TextField name="token" type="password" label={t('token')} autoComplete="one-time-code" isRequired />
          ) : (
            <>
              <TextField name="username" label={t('clientId')} autoComplete="username" isRequired />
              <TextField name="password" type="password" label={t('clientSecret')} autoComplete="current-password" isRequired />
            </>
          )}
          <Button type="submit" variant="accent" isPending={busy}>{t('signIn')}</Button>
        </Form>
      </div>
    </main>
  );
}
