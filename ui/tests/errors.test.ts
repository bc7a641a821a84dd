import { describe, expect, it } from 'vitest';
import { ApiError, asApiError, passing, problem } from '../src/api/errors';

const headers = (of: Record<string, string> = {}) => new Headers(of);

describe('a problem body of each family', () => {
  it('is read from Flow Service', () => {
    const body = {
      type: 'https://ns.adobe.com/aep/errors/FLOW-1100-400', title: 'Invalid request', status: 400,
      report: { 'detailed-message': 'name is missing', 'request-id': 'r1', pointer: '/name' },
      errorMessage: 'older', errorDetails: 'name is missing',
    };
    const error = problem(400, body, headers());
    expect(error).toMatchObject({ code: 'FLOW-1100-400', title: 'Invalid request', message: 'name is missing', place: '/name', requestId: 'r1' });
  });
  it('is read from the registry', () => {
    const body = { type: 'http://ns.adobe.com/aep/errors/XDM-1012-404', title: 'Not found', status: 404, report: { registryRequestId: 'r2' }, detail: 'no schema' };
    expect(problem(404, body, headers())).toMatchObject({ code: 'XDM-1012-404', message: 'no schema', requestId: 'r2' });
  });
  it('is read from the gateway', () => {
    expect(problem(401, { error_code: '401013', message: 'Oauth token is not valid' }, headers({ 'x-request-id': 'r3' })))
      .toMatchObject({ code: '401013', message: 'Oauth token is not valid', requestId: 'r3' });
  });
  it('is read from catalog, labels, insights and the token endpoint', () => {
    expect(problem(404, { type: '/placeholder/type/uri', status: 404, title: 'Not found', detail: 'no batch', report: { 'request-id': 'r4' } }, headers()))
      .toMatchObject({ code: '404', message: 'no batch', requestId: 'r4' });
    expect(problem(400, { status: 'BAD_REQUEST', code: 'PES-400', message: 'bad label', pointer: '/labels/0' }, headers()))
      .toMatchObject({ code: 'PES-400', message: 'bad label', place: '/labels/0' });
    expect(problem(400, { errorCode: 'INSGHT-1000-400', title: 'Bad Request - no', details: 'no metric' }, headers()))
      .toMatchObject({ code: 'INSGHT-1000-400', message: 'no metric' });
    expect(problem(400, { error: 'invalid_client', error_description: 'unknown client' }, headers()))
      .toMatchObject({ code: 'invalid_client', message: 'unknown client' });
  });
  it('may be anything at all', () => {
    expect(problem(502, '<html>', headers()).message).toContain('502');
    expect(problem(500, null, headers()).code).toBe('500');
  });
});

describe('waiting', () => {
  it('follows Retry-After', () => {
    expect(problem(503, {}, headers({ 'retry-after': '7' })).retryAfter).toBe(7);
  });
  it('is for what passes', () => {
    expect(passing(new ApiError({ status: 503, message: '' }))).toBe(true);
    expect(passing(asApiError(new TypeError('Failed to fetch')))).toBe(true);
    expect(passing(new ApiError({ status: 400, message: '' }))).toBe(false);
    expect(passing(new Error('a defect'))).toBe(false);
  });
});
