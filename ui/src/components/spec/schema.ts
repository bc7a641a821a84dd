import { type Schema as Cfworker, Validator } from '@cfworker/json-schema';
import { t } from '../../messages/common';

/** The part of JSON Schema that connection specs use. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly uiAttributes?: { readonly advanced?: boolean; readonly hidden?: boolean; readonly order?: number };
  readonly [keyword: string]: unknown;
}

export type Values = Readonly<Record<string, unknown>>;
/** JSON pointer of a field → what is wrong with it. */
export type FieldErrors = Readonly<Record<string, string>>;

export type Kind = 'object' | 'boolean' | 'enum' | 'number' | 'secret' | 'text' | 'json';

export function kindOf(schema: JsonSchema): Kind {
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type;
  if (schema.properties !== undefined) return 'object';
  if (schema.format === 'password') return 'secret';
  if (schema.enum !== undefined) return 'enum';
  if (type === 'boolean') return 'boolean';
  if (type === 'number' || type === 'integer') return 'number';
  return type === 'string' || type === undefined ? 'text' : 'json';
}

export function isAdvanced(name: string, schema: JsonSchema, required: readonly string[]): boolean {
  return schema.uiAttributes?.advanced ?? (!required.includes(name) && schema.default !== undefined);
}

/** The values a new form starts with. */
export function defaults(schema: JsonSchema): Values {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).flatMap(([name, one]): [string, unknown][] => {
      if (one.properties !== undefined) {
        const inner = defaults(one);
        return Object.keys(inner).length > 0 ? [[name, inner]] : [];
      }
      return one.default === undefined ? [] : [[name, one.default]];
    }),
  );
}

/**
 * What is wrong with the values, by field. A secret that is set on the server (`kept`, by pointer) may be left out.
 */
export function validate(schema: JsonSchema, values: Values, kept: ReadonlySet<string> = new Set()): FieldErrors {
  const errors: Record<string, string> = {};
  const validator = new Validator(relaxed(schema, kept) as Cfworker, '7', false);
  for (const one of validator.validate(values).errors) {
    const at = one.instanceLocation.replace(/^#/, '');
    if (one.keyword === 'required') {
      const name = /"([^"]+)"/.exec(one.error)?.[1];
      if (name !== undefined) errors[`${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`] = t('fieldRequired');
    } else if (!['properties', 'allOf', 'anyOf', 'if', 'then'].includes(one.keyword)) {
      errors[at] ??= t('fieldInvalid', { reason: one.error });
    }
  }
  return errors;
}

/** The schema without the requirement of what the server has already. */
function relaxed(schema: JsonSchema, kept: ReadonlySet<string>, at = ''): JsonSchema {
  if (kept.size === 0) return schema;
  return {
    ...schema,
    ...(schema.required && { required: schema.required.filter((name) => !kept.has(`${at}/${name}`)) }),
    ...(schema.properties && {
      properties: Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, relaxed(one, kept, `${at}/${name}`)])),
    }),
  };
}

/** The field that the place of a server's error means: `/auth/params/s3SecretKey` → `/s3SecretKey`. */
export function fieldOf(schema: JsonSchema, place: string | undefined): string | undefined {
  const parts = place?.split('/').filter(Boolean) ?? [];
  for (let from = 0; from < parts.length; from += 1) {
    let one: JsonSchema | undefined = schema;
    let to = from;
    while (to < parts.length && one?.properties?.[parts[to] ?? ''] !== undefined) {
      one = one.properties[parts[to] ?? ''];
      to += 1;
    }
    if (to > from) return `/${parts.slice(from, to).join('/')}`;
  }
  return undefined;
}
