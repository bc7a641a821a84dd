import type { ConnectionSpec } from '../api/lists';
import type { JsonSchema } from '../components/spec/schema';

type Json = Readonly<Record<string, unknown>>;

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((of, name) => (typeof of === 'object' && of !== null ? (of as Json)[name] : undefined), value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export interface AuthWay {
  readonly name: string;
  readonly spec: JsonSchema;
}

/** What the pages need of a connection spec, out of the free objects that it is made of. */
export interface Source {
  readonly id: string;
  readonly version: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly category: string;
  readonly kind: 'files' | 'table' | 'stream' | 'other';
  readonly isRunnable: boolean;
  /** Why it is not runnable. */
  readonly reason: string | undefined;
  readonly isBeta: boolean;
  readonly auth: readonly AuthWay[];
  readonly hasAccounts: boolean;
}

export function sourceOf(spec: ConnectionSpec): Source | undefined {
  const attributes = at(spec, 'attributes');
  if (at(attributes, 'isSource') !== true || spec.id === undefined) return undefined;
  const ui = at(attributes, 'uiAttributes');
  const type = text(at(spec, 'sourceSpec', 'type'));
  const ways = at(spec, 'authSpec');
  const auth = (Array.isArray(ways) ? ways : []).map((way) => ({
    name: text(at(way, 'name')) ?? '',
    spec: (at(way, 'spec') ?? {}) as JsonSchema,
  }));
  return {
    id: spec.id,
    version: text(at(spec, 'version')) ?? '1.0',
    name: text(at(spec, 'name')) ?? spec.id,
    title: text(at(ui, 'label', 'value')) ?? text(at(spec, 'name')) ?? spec.id,
    description: text(at(ui, 'description', 'value')) ?? '',
    category: text(at(attributes, 'category')) ?? '',
    kind:
      at(attributes, 'connectionType') === 'streaming' ? 'stream'
      : type === 'CloudStorage' ? 'files'
      : type === 'Table' ? 'table'
      : 'other',
    isRunnable: at(attributes, 'forebay', 'runnable') === true,
    reason: text(at(attributes, 'forebay', 'reason')),
    isBeta: at(spec, 'sourceSpec', 'attributes', 'uiAttributes', 'isBeta') === true,
    auth,
    hasAccounts: auth.length > 0,
  };
}

/** All sources, the runnable ones first: their categories, and they within these. */
export function sourcesOf(specs: readonly ConnectionSpec[]): readonly Source[] {
  const all = specs.map(sourceOf).filter((one) => one !== undefined);
  const running = new Set(all.filter((one) => one.isRunnable).map((one) => one.category));
  return all
    .sort((a, b) => Number(running.has(b.category)) - Number(running.has(a.category)) || a.category.localeCompare(b.category) || Number(b.isRunnable) - Number(a.isRunnable) || a.title.localeCompare(b.title));
}

/** JSON pointers of the secrets of a form. */
export function secretsOf(schema: JsonSchema, place = ''): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, one]) =>
    one.format === 'password' ? [`${place}/${name}`] : secretsOf(one, `${place}/${name}`));
}

/** The values of a form without its secrets: what may be kept in a draft. */
export function withoutSecrets(schema: JsonSchema, values: Json): Json {
  const secrets = new Set(secretsOf(schema));
  const copy = (of: Json, place: string): Json => Object.fromEntries(
    Object.entries(of).filter(([name]) => !secrets.has(`${place}/${name}`)).map(([name, value]) => [
      name,
      typeof value === 'object' && value !== null && !Array.isArray(value) ? copy(value as Json, `${place}/${name}`) : value,
    ]),
  );
  return copy(values, '');
}
