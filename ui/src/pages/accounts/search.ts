import { search, text } from '../../app/search';

/** What the URL holds of this page, beside the common parameters: the source it is narrowed to, and the source of a new account. */
export default search({ spec: text, new: text });
