import { oneOf, search, text } from '../../app/search';
import { steps } from '../../wizard/state';

/** What the URL holds of this page, beside the common parameters: the draft, the step, and what a new one starts with. */
export default search({ draft: text, step: oneOf(...steps), spec: text, account: text });
