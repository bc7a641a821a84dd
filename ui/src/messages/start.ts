import { catalogue } from './core';

export const t = catalogue('start', {
  title: 'Three steps to your first data',
});
