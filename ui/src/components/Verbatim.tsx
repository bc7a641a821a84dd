import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { ReactNode } from 'react';
import { parts } from './visible';

const unseen = style({
  font: 'code-sm', fontSize: 'ui-xs', color: 'neutral-subdued', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-400', borderRadius: 'sm', paddingX: 2, marginX: 2,
  whiteSpace: 'nowrap',
});

/** A text that others have made (a name, a path, a cell, a message): it neither turns what follows around nor hides a character. */
export function Verbatim({ children = '' }: { readonly children?: string | undefined }) {
  return (
    <bdi>
      {parts(children).map((part, i) => (part.isUnseen ? <span key={i} className={unseen}>{part.text}</span> : part.text))}
    </bdi>
  );
}

/** The content of a cell, which may be a text of others or markup of ours. */
export function verbatim(content: ReactNode): ReactNode {
  return typeof content === 'string' ? <Verbatim>{content}</Verbatim> : content;
}
