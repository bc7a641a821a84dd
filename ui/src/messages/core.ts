import { settings } from '../app/settings';
import { isolated } from '../components/visible';

/** A text with `{name}` holes, or its plural forms chosen by the parameter `count`. */
export type Message = string | Plural;
type Plural = { readonly other: string } & { readonly [form in Intl.LDMLPluralRule]?: string };
type Holes<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never;
type Names<M> = M extends string ? Holes<M> : M extends { readonly other: infer S extends string } ? Holes<S> | 'count' : never;
type Value = string | number;
type Args<M> = [Names<M>] extends [never] ? [] : [values: { readonly [name in Names<M>]: Value }];

/** All catalogues by name, for the tests and for translations to come. */
export const catalogues = new Map<string, Readonly<Record<string, Message>>>();

/** Declares the messages of one page and returns its `t(key, values)`: keys and holes are checked by the compiler. */
export function catalogue<const C extends Readonly<Record<string, Message>>>(name: string, messages: C) {
  catalogues.set(name, messages);
  return function t<K extends keyof C & string>(key: K, ...args: Args<C[K]>): string {
    return format(messages[key] as Message, args[0] ?? {});
  };
}

function format(message: Message, values: Readonly<Record<string, Value>>): string {
  const { locale, pseudo } = settings.get();
  const form = typeof message === 'string' ? message : plural(message, Number(values.count), locale);
  const text = pseudo ? pseudoText(form) : form;
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === 'number' ? new Intl.NumberFormat(locale).format(value) : isolated(value ?? '');
  });
}

function plural(message: Plural, count: number, locale: string): string {
  return message[new Intl.PluralRules(locale).select(count)] ?? message.other;
}

const accents: Readonly<Record<string, string>> = {
  a: 'á', c: 'ç', d: 'ð', e: 'é', g: 'ğ', i: 'í', k: 'ķ', l: 'ľ', n: 'ñ', o: 'ö', r: 'ŕ', s: 'š', t: 'ţ', u: 'ü', y: 'ý', z: 'ž',
  A: 'Å', C: 'Ç', D: 'Ð', E: 'É', G: 'Ğ', I: 'Î', N: 'Ñ', O: 'Ö', R: 'Ŕ', S: 'Š', T: 'Ţ', U: 'Û', Y: 'Ý',
};

/** Accents and 30 % more length, in brackets: shows texts that skip the catalogue and places that clip. */
export function pseudoText(text: string): string {
  const letters = text.replace(/\{\w+\}|[A-Za-z]/g, (part) => (part.length > 1 ? part : (accents[part] ?? part)));
  return `[${letters}${' ~'.repeat(Math.ceil((text.length * 0.3) / 2))}]`;
}
