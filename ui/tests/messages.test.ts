import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { settings } from '../src/app/settings';
import { catalogue, catalogues, type Message, pseudoText } from '../src/messages/core';

const modules = import.meta.glob('../src/messages/*.ts', { eager: true });
const plain = settings.get();
afterEach(() => settings.set(plain));

describe('a message', () => {
  const t = catalogue('test', { hello: 'Hello {name}', rows: { one: '{count} row', other: '{count} rows' } });
  it('has its holes filled and its plural chosen', () => {
    expect(t('hello', { name: 'Ana' })).toBe('Hello Ana');
    expect(t('rows', { count: 1 })).toBe('1 row');
    expect(t('rows', { count: 12000 })).toBe('12,000 rows');
  });
  it('is accented and longer in the pseudo-locale, and keeps what fills it', () => {
    settings.set({ ...plain, pseudo: true });
    expect(t('hello', { name: 'Ana' })).toMatch(/^\[Hé.*Ana.*~\]$/);
    expect(pseudoText('Delete the flow').length).toBeGreaterThanOrEqual(1.3 * 'Delete the flow'.length);
  });
});

describe('the catalogues', () => {
  it('have no empty text, and all forms of a plural have the same holes', () => {
    expect(Object.keys(modules).length).toBeGreaterThan(10);
    for (const [name, messages] of catalogues) {
      for (const [key, message] of Object.entries(messages) as [string, Message][]) {
        const forms = typeof message === 'string' ? [message] : Object.values(message);
        const holes = forms.map((form) => [...form.matchAll(/\{(\w+)\}/g)].map(([, hole]) => hole).sort().join());
        expect(forms.every((form) => form.trim() !== ''), `${name}.${key}`).toBe(true);
        expect(new Set(holes).size, `${name}.${key}`).toBe(1);
      }
    }
  });
  it('have no message that nothing uses', () => {
    const src = join(import.meta.dirname, '../src');
    const code = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file) && !file.startsWith('messages'))
      .map((file) => readFileSync(join(src, file), 'utf8'))
      .join('\n');
    const unused = [...catalogues]
      .filter(([name]) => name !== 'test')
      .flatMap(([name, messages]) => Object.keys(messages).filter((key) => !code.includes(`'${key}'`)).map((key) => `${name}.${key}`));
    expect(unused).toEqual([]);
  });
});
