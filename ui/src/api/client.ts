import createClient, { type Middleware } from 'openapi-fetch';
import { caller, lastRequest } from './context';
import { ApiError, isSignedOut, problem } from './errors';
import type { paths } from './schema';

export type { components, paths } from './schema';

const identify: Middleware = {
  onRequest({ request }) {
    const { org, apiKey, sandbox } = caller.get();
    for (const [name, value] of [['x-gw-ims-org-id', org], ['x-api-key', apiKey], ['x-sandbox-name', sandbox]] as const) {
      if (value !== undefined && !request.headers.has(name)) request.headers.set(name, value);
    }
    return request;
  },
  async onResponse({ response }) {
    note(response);
    if (!response.ok) throw await failed(response);
  },
};

function note(response: Response): void {
  lastRequest.set(response.headers.get('x-request-id') ?? lastRequest.get());
}

/** Tells whoever follows (the frame) that the session has ended. */
export const ended = new EventTarget();

async function failed(response: Response): Promise<ApiError> {
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy in between answers in its own words.
  }
  const error = problem(response.status, body, response.headers);
  if (isSignedOut(error)) ended.dispatchEvent(new Event('ended'));
  return error;
}

/**
 * The typed client: `const { data } = await api.GET('/data/foundation/flowservice/flows', { params: { query: { limit: 5 } } })`.
 * A failure is thrown as `ApiError`, so `data` is there whenever the promise resolves.
 */
export const api = createClient<paths>({
  baseUrl: location.origin,
  credentials: 'same-origin',
  querySerializer: { array: { style: 'form', explode: true } },
  fetch: (request) => fetch(request),
});
api.use(identify);

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** For what the OpenAPI document does not describe: the same headers, cookie and errors as `api`. */
export async function call<T>(path: string, { method = 'GET', query = {}, body, headers = {}, signal }: Call = {}): Promise<T> {
  const response = await send(path, { method, query, body, headers, ...(signal && { signal }) });
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** As `call`, for answers that are not JSON (downloads) or whose headers matter. */
export async function send(path: string, { method = 'GET', query = {}, body, headers = {}, signal }: Call = {}): Promise<Response> {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  const { org, apiKey, sandbox } = caller.get();
  const all = new Headers(headers);
  if (org) all.set('x-gw-ims-org-id', org);
  if (apiKey) all.set('x-api-key', apiKey);
  if (sandbox && !all.has('x-sandbox-name')) all.set('x-sandbox-name', sandbox);
  if (body !== undefined && !all.has('content-type')) all.set('content-type', 'application/json');
  const response = await fetch(url, {
    method,
    headers: all,
    credentials: 'same-origin',
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  note(response);
  if (!response.ok) throw await failed(response);
  return response;
}
