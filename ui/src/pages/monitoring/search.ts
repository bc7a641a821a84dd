import { search, text, flag } from '../../app/search';

/** What the URL holds of this page, beside the common parameters. */
export default search({ source: text, flow: text, failures: flag });
