import type { useUrl } from '../../app/go';
import { to } from '../../app/links';

/** The page as it is, narrowed otherwise; what was typed to find a row of the old table is of no use in the new one. */
export function narrowed(url: ReturnType<typeof useUrl>[0], place: { readonly source?: string; readonly flow?: string }): string {
  return to.monitoring({ ...url, source: undefined, flow: undefined, q: undefined, sort: undefined, columns: undefined, ...place });
}
