import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useRouter, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { BASE } from '../../app/links';
import { linkFailure } from '../../app/session';
import { SignInForm } from '../../app/SignInForm';
import { useStore } from '../../app/store';
import { t } from '../../messages/sign-in';

const page = style({ minHeight: 'screen', display: 'flex', alignItems: 'center', justifyContent: 'center', padding: 16, boxSizing: 'border-box' });
const box = style({ width: 'full', maxWidth: 480, display: 'flex', flexDirection: 'column', rowGap: 16 });
const head = style({ display: 'flex', alignItems: 'center', columnGap: 12 });
const mark = style({ size: 32, flexShrink: 0 });
const h1 = style({ font: 'heading', margin: 0 });
const text = style({ font: 'body', margin: 0 });
const code = style({ font: 'code-sm' });

export default function SignInPage() {
  const { history } = useRouter();
  const { next } = useSearch({ from: '/-/sign-in' });
  const failure = useStore(linkFailure);
  useEffect(() => {
    document.title = t('title');
  }, []);
  return (
    <main className={page}>
      <div className={box}>
        <div className={head}>
          <img className={mark} src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" />
          <h1 className={h1}>{t('title')}</h1>
        </div>
        <p className={text}>{t('link')}</p>
        <SignInForm failure={failure} onDone={() => history.push(BASE + inside(next))} />
        <p className={text}>{t('noLink')} <code className={code}>forebay login --browser</code></p>
      </div>
    </main>
  );
}

/** Only a path of this application: never a way out of it. */
function inside(next: string | undefined): string {
  return next?.startsWith('/') && !/^\/[/\\]/.test(next) ? next : '/';
}
