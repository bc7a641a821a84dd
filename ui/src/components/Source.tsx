import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { Verbatim } from './Verbatim';

const text = style({
  font: 'code-sm', margin: 0, padding: 12, overflow: 'auto', backgroundColor: 'layer-1', borderRadius: 'default', borderWidth: 1, borderStyle: 'solid',
  borderColor: 'gray-300', maxHeight: 640, outlineStyle: { default: 'none', ':focus-visible': 'solid' }, outlineColor: 'focus-ring', outlineWidth: 2,
});

/** A text of many lines as it is, in a box of its own that scrolls. */
export function Source({ label, children }: { readonly label: string; readonly children: string }) {
  return (
    // It scrolls, so the keyboard must reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre className={text} tabIndex={0} role="group" aria-label={label}><Verbatim>{children}</Verbatim></pre>
  );
}

export function Json({ label, value }: { readonly label: string; readonly value: unknown }) {
  return <Source label={label}>{JSON.stringify(value, null, 2)}</Source>;
}
