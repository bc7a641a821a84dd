import { catalogue } from './core';

export const t = catalogue('monitoring', {
  title: 'Monitoring',
});
