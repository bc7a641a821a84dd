/** A field's path as the service writes it, `orders[].sku`, as the pointer that labels use. */
export function schemaPath(path: string): string {
  return path
    .split('.')
    .map((part) => {
      const name = part.replace(/(\[\]|\{\})+$/, '');
      const marks = part.slice(name.length).match(/\[\]|\{\}/g) ?? [];
      return `/properties/${escaped(name)}${marks.map((mark) => (mark === '[]' ? '/items' : '/additionalProperties')).join('')}`;
    })
    .join('');
}

/** The other way round; undefined for a pointer that names no field. */
export function fieldPath(pointer: string): string | undefined {
  const parts = pointer.split('/').slice(1);
  const names: string[] = [];
  for (let i = 0; i < parts.length; i += 1) {
    const part = parts[i];
    if (part === 'properties' && parts[i + 1] !== undefined) {
      i += 1;
      names.push(unescaped(parts[i] ?? ''));
    } else if ((part === 'items' || part === 'additionalProperties') && names.length > 0) {
      names[names.length - 1] += part === 'items' ? '[]' : '{}';
    } else return undefined;
  }
  return names.length === 0 ? undefined : names.join('.');
}

/** A path without its marks, to compare it with those of descriptors, which write lists in their own way. */
export function bare(path: string): string {
  return path.replace(/\[[^\]]*\]|\{\}|\/\*/g, '').replace(/^\//, '').replaceAll('/', '.');
}

const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');
const unescaped = (name: string) => name.replaceAll('~1', '/').replaceAll('~0', '~');
