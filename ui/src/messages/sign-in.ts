import { catalogue } from './core';

export const t = catalogue('sign-in', {
  title: 'Sign in to Forebay',
  link: 'Sign in with the one-time link that the server prints when it starts, or with the credentials of a client.',
  token: 'One-time token',
  clientId: 'Client id',
  clientSecret: 'Client secret',
  withToken: 'One-time token',
  withClient: 'Client credentials',
  signIn: 'Sign in',
  refused: 'These were not accepted. A one-time token works once, for a few minutes; the server prints a new one on request: forebay login --link.',
});
