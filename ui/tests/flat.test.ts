import { expect, test } from 'vitest';
import { flat } from '../src/pages/dataset/flat';

test('documents become columns by their paths, and what is empty everywhere is left out', () => {
  const columns = [{ name: '_id', type: 'string' }, { name: '_forebay', type: 'object' }, { name: 'tags', type: 'array' }];
  const rows = [{ _id: null, _forebay: { total: 1, address: { zip: '1' } } }, { _forebay: { total: null }, tags: ['a'] }];
  const shown = flat({ columns, rows }, new Map([['_forebay.total', 'number']]));
  expect(shown.columns.map(({ id, type }) => [id, type])).toEqual([['_forebay.total', 'number'], ['_forebay.address.zip', ''], ['tags', 'array']]);
  expect(shown.rows).toEqual([{ '_forebay.total': 1, '_forebay.address.zip': '1' }, { tags: ['a'] }]);
  expect(shown.leftOut).toBe(1);
});
