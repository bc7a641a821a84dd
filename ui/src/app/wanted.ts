import type { Target } from './jump';
import { store } from './store';

/** What somebody asked to do with a dataflow from outside its pages: the frame has it done. */
export const wanted = store<Target['action']>(undefined);
