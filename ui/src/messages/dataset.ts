import { catalogue } from './core';

export const t = catalogue('dataset', {
  title: 'Dataset',
});
