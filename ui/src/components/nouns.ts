import { t } from '../messages/common';
import { compact } from './format';

/** `1 row`, `12.4M rows`: a number with its noun, to stand in a sentence of several. */
export const rowsOf = (count: number): string => t('rowCount', { count, shown: compact(count) });
export const runsOf = (count: number): string => t('runCount', { count, shown: compact(count) });
export const columnsOf = (count: number): string => t('columnCount', { count, shown: compact(count) });
