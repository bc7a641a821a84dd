import { catalogue } from './core';

export const t = catalogue('run', {
  title: 'Run',
});
