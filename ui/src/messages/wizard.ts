import { catalogue } from './core';

export const t = catalogue('wizard', {
  title: 'New dataflow',
});
