import { Provider, ToastContainer } from '@react-spectrum/s2';
import { Outlet, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { BASE, leaves } from './links';
import { useSettings } from './settings';

/** What is around all pages: Spectrum's provider with the chosen theme and locale, and the toasts. */
export function Root() {
  const { theme, locale, pseudo } = useSettings();
  const { history } = useRouter();
  useEffect(() => {
    const html = document.documentElement;
    if (theme === 'system') delete html.dataset.colorScheme;
    else html.dataset.colorScheme = theme;
    // The texts are English whatever the locale of numbers and dates is.
    html.lang = 'en';
  }, [theme]);
  return (
    <Provider
      // Texts are read when a component renders: another language renders them all anew.
      key={`${locale}${String(pseudo)}`}
      locale={locale}
      {...(theme !== 'system' && { colorScheme: theme })}
      background="base"
      router={{
        navigate: (path) => history.push(BASE + path),
        useHref: (href) => (leaves(href) ? href : BASE + href),
      }}
    >
      <Outlet />
      <ToastContainer />
    </Provider>
  );
}
