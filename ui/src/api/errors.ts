/** What every page needs to know of a failed call, whichever family's body the server sent. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** 0: the server was not reached. */
  readonly status: number;
  /** `FLOW-1439-404`; the status alone where the service has no codes. */
  readonly code: string;
  readonly title: string;
  /** Where in the request: a JSON pointer, a place in a file, a span of an expression. */
  readonly place: string | undefined;
  readonly span: { readonly start: number; readonly end: number } | undefined;
  readonly advice: string | undefined;
  readonly requestId: string | undefined;
  /** Seconds that the server asks to wait. */
  readonly retryAfter: number | undefined;
  /** The ETag that the server has now, of a refused conditional change. */
  readonly etag: string | undefined;
  readonly body: unknown;

  constructor(of: Partial<Omit<ApiError, 'name'>> & { readonly status: number; readonly message: string }) {
    super(of.message);
    this.status = of.status;
    this.code = of.code ?? String(of.status);
    this.title = of.title ?? of.message;
    this.place = of.place;
    this.span = of.span;
    this.advice = of.advice;
    this.requestId = of.requestId;
    this.retryAfter = of.retryAfter;
    this.etag = of.etag;
    this.body = of.body;
  }
}

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function text(...candidates: readonly unknown[]): string | undefined {
  return candidates.find((c): c is string => typeof c === 'string' && c !== '');
}

/** Reads the bodies of all families: flow service, registry, catalog and its kin, labels, insights, gateway, tokens. */
export function problem(status: number, raw: unknown, headers: Headers): ApiError {
  const body = object(raw);
  const report = object(body.report);
  const type = text(body.type)?.match(/\/errors\/([A-Z]+-[\w-]+)$/)?.[1];
  const message = text(
    report['detailed-message'], body.errorDetails, body.detail, body.details, body.message, body.error_description, body.title,
  );
  const span = object(report.span);
  return new ApiError({
    status,
    code: text(type, body.errorCode, body.error_code, body.code, body.error) ?? String(status),
    title: text(body.title) ?? fallback(status),
    message: message ?? fallback(status),
    place: text(report.pointer, report.at, body.pointer, body.param),
    span: typeof span.start === 'number' && typeof span.end === 'number' ? { start: span.start, end: span.end } : undefined,
    advice: text(report.advice, body.advice),
    requestId: text(headers.get('x-request-id'), report['request-id'], report.registryRequestId, body.requestId),
    retryAfter: seconds(headers.get('retry-after')),
    etag: headers.get('etag') ?? undefined,
    body: raw,
  });
}

function fallback(status: number): string {
  return `The server answered with status ${String(status)}`;
}

function seconds(header: string | null): number | undefined {
  if (header === null) return undefined;
  const number = Number(header);
  if (Number.isFinite(number)) return Math.max(0, number);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

/** Any failure as an `ApiError`: what is not one is a server that was not reached, or a defect of this page. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof TypeError && /fetch|network/i.test(message)
    ? new ApiError({ status: 0, code: 'OFFLINE', title: 'The server was not reached', message })
    : new ApiError({ status: -1, code: 'UI', title: 'This page failed', message });
}

/** Whether nobody is signed in: a browser drops the cookie of a session that is over, and then the gateway misses it. */
export function isSignedOut({ status, code }: ApiError): boolean {
  return status === 401 || code === '403010';
}

/** Whether the same call may succeed a little later. */
export function passing(error: unknown): boolean {
  return [0, 429, 502, 503, 504].includes(asApiError(error).status);
}
