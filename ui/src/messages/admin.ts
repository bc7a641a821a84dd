import { catalogue } from './core';

export const t = catalogue('admin', {
  title: 'Admin',
});
