import { catalogue } from './core';

export const t = catalogue('flows', {
  title: 'Dataflows',
});
