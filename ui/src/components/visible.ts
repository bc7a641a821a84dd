/**
 * Characters that cannot be seen and change how others look or compare: controls, those that turn the direction of
 * writing, and those of no width. The joiners of scripts and emoji that need them stay as they are, and so does a
 * whole isolate, which is what `isolated` makes and turns nothing around outside of itself.
 */
const UNSEEN = new RegExp(
  [
    String.raw`[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u00AD\u061C\u115F\u1160\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u2067\u206A-\u206F\u3164\uFEFF\uFFA0\uFFF9-\uFFFB]`,
    String.raw`\u2068(?![^\u2068\u2069]*\u2069)|(?<!\u2068[^\u2068\u2069]*)\u2069`,
    String.raw`(?<=^|[\p{ASCII}\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}])[\u200C\u200D]`,
    String.raw`(?<!\u{1F3F4}[\u{E0061}-\u{E007A}]*)[\u{E0000}-\u{E007F}]`,
  ].join('|'),
  'gu',
);
const WRITTEN_BACKWARDS = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/** What a text consists of: itself, and the unseen characters in it by their names (`U+202E`). */
export function parts(text: string): readonly { readonly text: string; readonly isUnseen: boolean }[] {
  const found: { text: string; isUnseen: boolean }[] = [];
  let from = 0;
  for (const { 0: one, index } of text.matchAll(UNSEEN)) {
    if (index > from) found.push({ text: text.slice(from, index), isUnseen: false });
    found.push({ text: `U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`, isUnseen: true });
    from = index + one.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), isUnseen: false });
  return found;
}

/** A text for where there is no markup (labels, tooltips, the window's title): `a[U+202E]b`. */
export function visible(text: string): string {
  return parts(text).map((part) => (part.isUnseen ? `[${part.text}]` : part.text)).join('');
}

/** The same within a sentence of ours, whose order of words it must not change. */
export function isolated(text: string): string {
  const seen = visible(text);
  return WRITTEN_BACKWARDS.test(seen) && !seen.includes('\u2068') ? `\u2068${seen}\u2069` : seen;
}
