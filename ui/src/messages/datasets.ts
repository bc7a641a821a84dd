import { catalogue } from './core';

export const t = catalogue('datasets', {
  title: 'Datasets',
});
