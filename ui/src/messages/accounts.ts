import { catalogue } from './core';

export const t = catalogue('accounts', {
  title: 'Accounts',
});
