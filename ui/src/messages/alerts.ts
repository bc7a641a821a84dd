import { catalogue } from './core';

export const t = catalogue('alerts', {
  title: 'Alerts',
});
