import { expect, it } from 'vitest';
import { caller } from '../src/api/context';
import { asCurl, masked, quoted } from '../src/components/copy';

it('masks secrets wherever they stand', () => {
  expect(masked({ auth: { params: { s3SecretKey: 'x', s3AccessKey: 'y', bucketName: 'b' } } }))
    .toEqual({ auth: { params: { s3SecretKey: '***', s3AccessKey: '***', bucketName: 'b' } } });
  expect(masked([{ op: 'replace', path: '/auth/params/password', value: 'x' }]))
    .toEqual([{ op: 'replace', path: '/auth/params/password', value: '***' }]);
  expect(masked([{ op: 'replace', path: '/name', value: 'x' }])).toEqual([{ op: 'replace', path: '/name', value: 'x' }]);
  expect(masked([{ op: 'add', path: '/auth/params', value: { clientSecret: 'x' } }]))
    .toEqual([{ op: 'add', path: '/auth/params', value: { clientSecret: '***' } }]);
});

it('quotes for a shell', () => {
  expect(quoted("it's $HOME")).toBe(`'it'\\''s $HOME'`);
  expect(quoted('plain-1.2')).toBe('plain-1.2');
});

it('writes a call that runs', () => {
  caller.set({ org: 'O@AdobeOrg', apiKey: 'k', sandbox: 'prod' });
  const text = asCurl({ method: 'POST', path: '/data/x', query: { limit: 5 }, body: { name: "it's" } });
  expect(text).toContain('-X POST');
  expect(text).toContain('"Authorization: Bearer $TOKEN"');
  expect(text).toContain(`'x-sandbox-name: prod'`);
  expect(text).toContain(`'{"name":"it'\\''s"}'`);
});
