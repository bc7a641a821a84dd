import { catalogue } from './core';

/** Words that the overview, the dataflows and the runs share. */
export const t = catalogue('flow-parts', {
  error: 'Needs you',
  warning: 'Look at it',
  since: 'since',
  reauthorise: 'Re-authorise',
  reviewSchema: 'Review change',
  retry: 'Retry',
  open: 'Open',
  actionFor: '{action}: {name}',
  retried: 'The run waits for a worker.',
  runNumber: 'Run {number}',
  runOf: '{flow}, run {number}',
  run: 'Run',
  status: 'Status',
  started: 'Started',
  took: 'Took',
  ingested: 'Ingested',
  failed: 'Failed',
  size: 'Size',
  error_: 'Error',
  path: 'Member',
  before: 'Before',
  after: 'After',
  noDiff: 'Nothing differs.',
  absent: '(not set)',
});
