import { search, text } from '../../app/search';

/** What the URL holds of this page, beside the common parameters. */
export default search({ file: text });
