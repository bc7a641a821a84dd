import '@react-spectrum/s2/page.css';
import './app/fonts.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ended } from './api/client';
import { queryClient } from './api/query';
import { router } from './app/router';
import { sessionEnded, sessionQuery, signInByUrl } from './app/session';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');

// A session that ends while a page is open is renewed over the page, which keeps what was typed.
ended.addEventListener('ended', () => {
  if (queryClient.getQueryData(sessionQuery.queryKey) !== undefined) sessionEnded.set(true);
});

void signInByUrl().then(() => {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
});
