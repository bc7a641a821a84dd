// Types of the API, from the document that the server's tests keep true. The headers that the client sets on every
// call (src/api/client.ts) are left out, so that no call has to repeat them.
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const document = JSON.parse(readFileSync(new URL('../../crates/api/openapi.json', import.meta.url), 'utf8'));
const ours = new Set(['x-gw-ims-org-id', 'x-api-key', 'x-sandbox-name', 'authorization']);
for (const path of Object.values(document.paths)) {
  for (const part of [path, ...Object.values(path)]) {
    if (Array.isArray(part?.parameters)) {
      part.parameters = part.parameters.filter((p) => !(p.in === 'header' && ours.has(p.name.toLowerCase())));
    }
  }
}
writeFileSync(new URL('../src/api/schema.d.ts', import.meta.url), astToString(await openapiTS(document)));
