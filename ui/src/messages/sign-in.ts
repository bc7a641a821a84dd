import { catalogue } from './core';

export const t = catalogue('sign-in', {
  title: 'Sign in to Forebay',
  link: 'Sign in with the one-time link that the server prints when it starts, or with the credentials of a client.',
  token: 'One-time link or its token',
  tokenHelp: 'Paste the whole link, or what comes after “token=”.',
  clientId: 'Client id',
  clientSecret: 'Client secret',
  withToken: 'One-time link',
  withClient: 'Client credentials',
  signIn: 'Sign in',
  noLink: 'No link at hand? This command prints one:',
  refusedLink: 'A link works once, and for 15 minutes. Get a new one:',
  refusedCli: 'On any computer that has the credentials, run',
  refusedTerminal: 'Or look at the terminal in which the server was started: it prints a link at every start.',
  refusedClient: 'Check both: the id and the secret belong together. Whoever manages access can give the client a new secret: Admin → Users and rights.',
  renewTitle: 'Your session has ended',
  renewText: 'Sign in again to go on. What you have typed on this page stays.',
  renewed: 'You are signed in again. Repeat what was refused.',
});
