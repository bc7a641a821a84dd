import { int, search, text } from '../../app/search';

/** What the URL holds of this page, beside the common parameters. */
export default search({ code: text, level: text, line: int });
