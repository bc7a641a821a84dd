import { int, search, text } from '../../app/search';

/** What the URL holds of this page, beside the common parameters: a version to preview, two to compare, a filter of fields. */
export default search({ version: int, a: int, b: int, fieldsq: text, fieldssort: text });
