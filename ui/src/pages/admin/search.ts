import { oneOf, search, text } from '../../app/search';

/** What the URL holds of this page, beside the common parameters: the filters of the audit trail. */
export default search({
  request: text, asset: text, user: text, action: text, status: oneOf('Success', 'Failure', 'Deny'), type: text, inSandbox: text,
  rolesq: text, rolessort: text,
});
