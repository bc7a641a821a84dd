import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Verbatim, verbatim } from '../src/components/Verbatim';
import { isolated, visible } from '../src/components/visible';
import { catalogue } from '../src/messages/core';

const plain = (html: string) => html.replace(/<(?!\/?bdi)[^>]*>/g, '');

describe('a text of others', () => {
  it('stands apart, and shows what turns the writing around or has no width', () => {
    expect(renderToStaticMarkup(<Verbatim>orders</Verbatim>)).toBe('<bdi>orders</bdi>');
    expect(plain(renderToStaticMarkup(<Verbatim>{'a\u202Egnp.exe'}</Verbatim>))).toBe('<bdi>aU+202Egnp.exe</bdi>');
    expect(plain(renderToStaticMarkup(<Verbatim>{'\u200Bor\u2067d\u2069\u0007\uFEFF'}</Verbatim>))).toBe('<bdi>U+200BorU+2067dU+2069U+0007U+FEFF</bdi>');
    expect(renderToStaticMarkup(<Verbatim>{'<b>&'}</Verbatim>)).toBe('<bdi>&lt;b&gt;&amp;</bdi>');
    expect(renderToStaticMarkup(<Verbatim>{undefined}</Verbatim>)).toBe('<bdi></bdi>');
  });
  it('keeps what scripts and emoji are written with', () => {
    for (const text of ['می‌خواهم', '👩‍💻', 'क्‍ष', 'طلبات', '🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}', 'two\nlines\tand a tab', 'naïve 東京']) {
      expect(visible(text), text).toBe(text);
    }
    expect(visible('pay\u200Dpal')).toBe('pay[U+200D]pal');
    expect(visible('a\u{E0061}')).toBe('a[U+E0061]');
  });
  it('is wrapped in a cell, and markup of ours is not', () => {
    const ours = <i>x</i>;
    expect(verbatim(ours)).toBe(ours);
    expect(renderToStaticMarkup(<>{verbatim('x')}</>)).toBe('<bdi>x</bdi>');
  });
  it('leaves the order of a sentence as it is', () => {
    const t = catalogue('test', { run: 'Run {name} now', told: 'Told: {what}' });
    expect(t('run', { name: 'orders' })).toBe('Run orders now');
    expect(t('run', { name: 'x\u202Ey' })).toBe('Run x[U+202E]y now');
    expect(t('run', { name: 'طلبات' })).toBe('Run \u2068طلبات\u2069 now');
    const nested = t('told', { what: t('run', { name: 'طلبات' }) });
    expect(nested).toBe('Told: Run \u2068طلبات\u2069 now');
    expect(visible(nested)).toBe(nested);
  });
  it('cannot leave an isolate by closing it', () => {
    expect(isolated('طلبات\u2069\u2068')).toBe('\u2068طلبات[U+2069][U+2068]\u2069');
  });
});
