import { queryOptions } from '@tanstack/react-query';
import { type Draft, type Items, own } from '../api/own';

/** Dataflows that were begun in the wizard and not made yet. */
export const drafts = () => queryOptions({ ...own<Items<Draft>>('/drafts'), select: ({ items }: Items<Draft>) => items });
