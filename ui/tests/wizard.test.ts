import { describe, expect, it } from 'vitest';
import { autoMap, fieldName, fieldsFor, fromCsv, isKnown, lines, type Rule, toCsv, typeFor } from '../src/mapping/model';
import { regex } from '../src/sources/explore';
import { secretsOf, type Source, withoutSecrets } from '../src/sources/specs';
import { ask, parts } from '../src/wizard/create';
import { differences } from '../src/wizard/draft';
import { plan } from '../src/wizard/plan';
import { complete, lacks } from '../src/wizard/state';

const text = (name: string) => ({ name, type: 'string' });
const rule = (source: string, destination: string): Rule => ({ sourceType: 'ATTRIBUTE', source, destination });

describe('mapping', () => {
  it('names fields as schemas take them', () => {
    expect(['Order ID', 'firstName', 'Größe', '2nd', '日本', 'Properties_Email_Value', 'properties.email'].map(fieldName)).toEqual(['order_id', 'first_name', 'gro_e', 'f_2nd', 'field', 'email', 'email']);
    expect(fieldsFor([text('a b'), text('A-B')], () => [], 'acme').map((one) => one.path)).toEqual(['_acme.a_b', '_acme.a_b_2']);
  });
  it('guesses types from text only where nothing is lost', () => {
    expect(typeFor(text('x'), ['1', '20'])).toBe('integer');
    expect(typeFor(text('x'), ['0017'])).toBe('string');
    expect(typeFor(text('x'), ['1.5', '', null])).toBe('number');
    expect(typeFor(text('x'), ['1.234,50'])).toBe('string');
    expect(typeFor(text('x'), ['2024-01-02T03:04:05Z'])).toBe('date-time');
    expect(typeFor({ name: 'x', type: 'long' }, [])).toBe('integer');
  });
  it('maps by name without touching what is mapped', () => {
    const fields = [{ path: '_acme.orderId', type: 'string' as const }, { path: 'person.name.firstName', type: 'string' as const }];
    const kept = [rule('other', '_acme.orderId')];
    expect(autoMap([text('order_id'), text('First Name')], kept, fields)).toEqual([...kept, rule('${First Name}', 'person.name.firstName')]);
  });
  it('shows required fields that nothing fills, columns, and computed fields', () => {
    const all = lines([text('a'), text('b')], [{ sourceType: 'EXPRESSION', source: 'upper(a)', destination: 'x' }, rule('b', 'y')], [{ path: 'z', type: 'string', required: true }]);
    expect(all.map((one) => one.id)).toEqual(['missing:z', 'column:a', 'rule:1', 'rule:0']);
  });
  it('keeps rules through a file', () => {
    const rules: readonly Rule[] = [rule('${a, "b"}', 'x'), { sourceType: 'EXPRESSION', source: 'concat(a, "\n")', destination: 'y' }];
    expect(fromCsv(toCsv(rules), String)).toEqual(rules);
    expect(() => fromCsv('a,b\n1,2', (line) => `line ${String(line)}`)).toThrow('line 1');
  });
  it('knows columns, what is in them, and objects around them', () => {
    const names = new Set(['id', 'customer.country', 'lines']);
    expect(['id', 'customer', 'customer.country', 'lines[0].sku', 'nope'].map((one) => isKnown(one, names))).toEqual([true, true, true, true, false]);
  });
});

describe('sources', () => {
  it('matches patterns as the server does', () => {
    const fits = (pattern: string, path: string) => regex(pattern).test(path);
    expect(fits('/in/*.csv', '/in/a.csv')).toBe(true);
    expect(fits('/in/*.csv', '/in/2024/a.csv')).toBe(false);
    expect(fits('/in/**/*.csv', '/in/2024/01/a.csv')).toBe(true);
    expect(fits('/in/**/*.csv', '/in/a.csv')).toBe(true);
    expect(fits('in/{a,b}?.c[s-t]v', '/in/b1.csv')).toBe(true);
    expect(fits('/in/a+(1).csv', '/in/a+(1).csv')).toBe(true);
  });
  it('leaves secrets out of drafts', () => {
    const schema = { properties: { user: { type: 'string' }, password: { type: 'string', format: 'password' }, more: { properties: { key: { format: 'password' }, host: {} } } } };
    expect(secretsOf(schema)).toEqual(['/password', '/more/key']);
    expect(withoutSecrets(schema, { user: 'u', password: 'p', more: { key: 'k', host: 'h' } })).toEqual({ user: 'u', more: { host: 'h' } });
  });
});

describe('wizard', () => {
  const source = { id: 's', version: '1.0', name: 'amazon-s3', title: 'Amazon S3', kind: 'files' } as Source;
  const state = complete({
    specId: 's', connectionId: 'c', data: { params: { path: '/in/', type: 'folder' }, format: 'delimited', properties: { columnDelimiter: ';' } },
    target: { datasetName: 'Orders', schema: { title: 'Orders', class: 'https://ns.adobe.com/xdm/context/profile', fields: [{ path: '_acme.address.city', type: 'string' }, { path: '_acme.id', type: 'integer', key: true }] } },
    mapping: [rule('id', '_acme.id')], details: { name: 'orders' },
  });
  const known = { source, tenant: 'acme', flowSpec: 'f' };
  const id = (of: string) => `<${of}>`;

  it('says what is missing, step by step', () => {
    expect(lacks(complete({}))).toEqual({ source: 'lackSource', account: 'lackAccount', data: 'lackData', mapping: 'lackTarget', details: 'lackName' });
    expect(lacks(state)).toEqual({});
    expect(lacks({ ...state, schedule: { frequency: 'minute', interval: 5 } })).toEqual({ schedule: 'lackInterval' });
  });
  it('asks for the parts in the order of the tutorials', () => {
    const asked = parts.map((part) => ask(part, state, known, id)).filter((one) => one !== undefined);
    expect(asked.map((one) => one.part)).toEqual(['sourceConnection', 'fieldGroup', 'schema', 'identity', 'dataset', 'targetConnection', 'mappingSet', 'flow']);
    expect(asked[1]?.body).toMatchObject({ definitions: { fields: { properties: { _acme: { properties: { address: { properties: { city: { type: 'string' } } }, id: { type: 'integer' } } } } } } });
    expect(asked[3]?.body).toMatchObject({ 'xdm:sourceProperty': '/_acme/id', 'xdm:sourceSchema': '<schema>' });
    expect(asked[7]?.body).toMatchObject({ sourceConnectionIds: ['<sourceConnection>'], transformations: [{ name: 'Mapping', params: { mappingId: '<mappingSet>' } }], scheduleParams: { frequency: 'once' } });
  });
  it('fills a dataset that is there without making a schema', () => {
    const into = { ...state, target: { isExisting: true, datasetId: 'd' } };
    expect(parts.filter((part) => ask(part, into, { ...known, schemaId: 'x' }, id) !== undefined)).toEqual(['sourceConnection', 'targetConnection', 'mappingSet', 'flow']);
  });
  it('finds what differs between two drafts', () => {
    expect(differences(state, { ...state, details: { ...state.details, name: 'other' } })).toEqual([{ path: 'details.name', mine: 'orders', theirs: 'other' }]);
  });
  it('writes the plan as manifests', () => {
    expect(plan(state, { connection: 'S3: EU', dataset: 'Orders', tenant: 'acme' }, false)).toBe(
      'kind: Dataset\nname: Orders\nkey: id\nfields:\n  address:\n    type: object\n    fields:\n      city: string\n  id: long\n---\n' +
      'kind: Flow\nname: orders\nconnection: "S3: EU"\ndataset: Orders\nsource:\n  path: /in/\n  type: folder\n  format: delimited\n  properties:\n    columnDelimiter: ";"\n' +
      'mapping:\n- to: _acme.id\n  from: id\noptions:\n  partialIngestionPercent: 5\n  errorDiagnostics: true\n',
    );
  });
});
