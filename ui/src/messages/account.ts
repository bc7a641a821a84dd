import { catalogue } from './core';

export const t = catalogue('account', {
  title: 'Account',
});
