import { catalogue } from './core';

export const t = catalogue('datasets', {
  title: 'Datasets',
  name: 'Name',
  rows: 'Rows',
  size: 'Size',
  files: 'Files',
  version: 'Version',
  updated: 'Last commit',
  labels: 'Labels',
  flows: 'Written by',
  schema: 'Schema',
  noVersion: 'none yet',
  noRows: 'unknown',
  emptyTitle: 'There are no datasets yet',
  emptyText: 'A dataset is a table in the lake. A new dataflow makes one for what it ingests.',
  emptyAction: 'Choose a source',
  emptyLink: 'What a dataset is',
  unread: { one: '{count} table could not be looked at: {names}. Its numbers are missing.', other: '{count} tables could not be looked at: {names}. Their numbers are missing.' },
});
