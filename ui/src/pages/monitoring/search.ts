import { flag, oneOf, search, text, texts } from '../../app/search';

/** What the URL holds of this page, beside the common parameters: how far it is narrowed, and what is shown of it. */
export default search({ source: text, flow: text, failures: flag, view: oneOf('codes'), columns: texts, codesq: text, codessort: text });
