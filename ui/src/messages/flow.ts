import { catalogue } from './core';

export const t = catalogue('flow', {
  title: 'Dataflow',
});
