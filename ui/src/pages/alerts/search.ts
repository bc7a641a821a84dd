import { search, text } from '../../app/search';

/** What the URL holds of this page, beside the common parameters: whose history is shown. */
export default search({ webhook: text, historyq: text, historysort: text });
