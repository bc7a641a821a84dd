import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaults, fieldOf, type JsonSchema, kindOf, validate } from '../src/components/spec/schema';

const folder = join(import.meta.dirname, '../../crates/sources/src/specs');
const schema: JsonSchema = {
  type: 'object',
  required: ['key', 'secret'],
  properties: {
    key: { type: 'string', title: 'Key' },
    secret: { type: 'string', format: 'password' },
    port: { type: 'integer', minimum: 1, default: 22 },
    proxy: { type: 'object', required: ['host'], properties: { host: { type: 'string' } } },
  },
};

describe('the form of a schema', () => {
  it('starts with the defaults', () => {
    expect(defaults(schema)).toEqual({ port: 22 });
  });
  it('names each field that is wrong', () => {
    const errors = validate(schema, { key: 'k', port: 0, proxy: {} });
    expect(Object.keys(errors).sort()).toEqual(['/port', '/proxy/host', '/secret']);
  });
  it('does not ask for a secret that the server has', () => {
    expect(validate(schema, { key: 'k' }, new Set(['/secret']))).toEqual({});
  });
  it('finds the field of a server error', () => {
    expect(fieldOf(schema, '/auth/params/secret')).toBe('/secret');
    expect(fieldOf(schema, '/auth/params/proxy/host')).toBe('/proxy/host');
    expect(fieldOf(schema, '/name')).toBeUndefined();
    expect(fieldOf(schema, undefined)).toBeUndefined();
  });
  it('is there for every source that Forebay knows', () => {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
      const { authSpec = [] } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { authSpec?: { spec: JsonSchema }[] };
      for (const { spec } of authSpec) {
        const errors = validate(spec, {});
        for (const name of spec.required ?? []) expect(errors[`/${name}`], `${file} ${name}`).toBeDefined();
        for (const [name, one] of Object.entries(spec.properties ?? {})) expect(kindOf(one), `${file} ${name}`).toBeDefined();
      }
    }
  });
});
