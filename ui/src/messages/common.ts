import { catalogue } from './core';

/** Words that many pages and the shared components use. */
export const t = catalogue('common', {
  retry: 'Try again',
  copy: 'Copy',
  copied: 'Copied.',
  cancel: 'Cancel',
  loading: 'Loading…',
  breadcrumbs: 'You are here',
  errorWhere: 'Where',
  errorDo: 'What to do',
  errorRequest: 'Request id',
  copyError: 'Copy the details',
  offline: 'The server was not reached',
  offlineAdvice: 'Check that the server runs and that this computer can reach it. The page tries again by itself when asked.',
  denied: 'You may not see this',
  deniedAdvice: 'Somebody with the right to manage access can grant it: Admin → Access.',
  failedAdvice: 'Try again. If it keeps failing, give the request id to whoever runs this server: its log says more.',
  refusedAdvice: 'Change what is named above, then try again.',
  waitAdvice: 'The server is busy or starting. Try again in {count} s.',
  goneAdvice: 'It may have been deleted, or it is in another sandbox.',
  staleAdvice: 'Somebody changed it meanwhile. Load it again, look at the difference, then save.',
  signInAdvice: 'Your session has ended. Sign in again: you come back to this page.',
  partial: 'Some of this could not be loaded',
  stale: 'Shown as of {time}; the newest could not be loaded.',
});
