import { caller } from '../api/context';

/** One call, as it is shown to people who work in a terminal. */
export interface Descriptor {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** `forebay run s3-orders --wait` */
  readonly cli?: string;
  readonly yaml?: string | (() => Promise<string>);
}

const SECRET = /secret|password|passphrase|token|privatekey|accesskey|accountkey|apikey|credential|sas|connectionstring/i;

/** Takes secrets out: the text goes to a clipboard, and from there anywhere. */
export function masked(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) {
    // A JSON Patch names its member in the path beside the value.
    return value.map((one) => masked(one, name));
  }
  if (typeof value === 'object' && value !== null) {
    const { path } = value as { path?: unknown };
    const patched = typeof path === 'string' && 'op' in value ? path : '';
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one, key === 'value' && patched ? patched : key)]));
  }
  return typeof value === 'string' && value !== '' && SECRET.test(name.split('/').at(-1) ?? '') ? '***' : value;
}

/** A word for a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function asCurl({ method, path, query = {}, body, headers = {} }: Descriptor): string {
  const { org, apiKey, sandbox } = caller.get();
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  const all: Record<string, string> = {
    ...(apiKey && { 'x-api-key': apiKey }),
    ...(org && { 'x-gw-ims-org-id': org }),
    ...(sandbox && { 'x-sandbox-name': sandbox }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...headers,
  };
  return [
    `curl -sS${method === 'GET' ? '' : ` -X ${method}`} ${quoted(url.href)}`,
    `-H "Authorization: Bearer $TOKEN"`,
    ...Object.entries(all).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`-d ${quoted(JSON.stringify(masked(body)))}`]),
  ].join(' \\\n  ');
}
