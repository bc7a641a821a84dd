import { store } from '../app/store';

/** What goes with every call; the session and the URL's sandbox set it. */
export interface Caller {
  readonly org?: string;
  readonly apiKey?: string;
  readonly sandbox?: string;
}

export const caller = store<Caller>({});

/** The id of the last answered request, which the footer shows. */
export const lastRequest = store<string | undefined>(undefined);
