import { catalogue } from './core';

export const t = catalogue('demo', {
  demo: 'Demo data',
  current: 'Demo data: {fault}',
  faults: 'What goes wrong',
  none: 'Nothing',
  noneText: 'Both sources answer.',
  s3Refused: 'S3 refuses',
  s3RefusedText: 'The key may no longer read: S3 answers 403.',
  s3Slow: 'S3 is slow',
  s3SlowText: 'Each answer of S3 takes seconds.',
  hubspotExpired: 'HubSpot’s token has expired',
  hubspotExpiredText: 'HubSpot answers 401: the account must be authorised again.',
  repaired: 'Both sources answer again.',
  broken: 'The demo now has a fault: {fault}. The next run meets it.',
  reset: 'Reset the demo…',
  resetTitle: 'Reset the demo?',
  resetText: 'Dataflows, accounts, datasets and runs that you made go away, with their data. The demo is as it was at its first start, and nothing goes wrong in it.',
  resetAction: 'Reset',
  resetDone: 'The demo is as it was at its first start.',
});
