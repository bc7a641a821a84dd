import { describe, expect, it } from 'vitest';
import { bare, fieldPath, schemaPath } from '../src/pages/dataset/paths';

describe('paths of fields', () => {
  it.each([
    ['personalEmail.address', '/properties/personalEmail/properties/address'],
    ['orders[].sku', '/properties/orders/items/properties/sku'],
    ['map{}.a/b', '/properties/map/additionalProperties/properties/a~1b'],
    ['properties.items', '/properties/properties/properties/items'],
  ])('%s is the pointer %s, and back', (path, pointer) => {
    expect(schemaPath(path)).toBe(pointer);
    expect(fieldPath(pointer)).toBe(path);
  });
  it('are undefined for a pointer to something else', () => {
    expect(fieldPath('/definitions/x')).toBeUndefined();
    expect(fieldPath('')).toBeUndefined();
  });
  it('compare with those of descriptors', () => {
    expect(bare('/orders[*]/sku')).toBe(bare('orders[].sku'));
  });
});
