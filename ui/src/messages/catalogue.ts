import { catalogue } from './core';

export const t = catalogue('catalogue', {
  title: 'Sources',
});
