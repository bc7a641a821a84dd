import { catalogue } from './core';

export const t = catalogue('home', {
  title: 'Overview',
});
