import { act, isValidElement, type ReactNode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, it, vi } from 'vitest';

/** As Spectrum's does, which cannot be loaded here for its style sheets: it keeps the last child, open or not. */
vi.mock('@react-spectrum/s2', () => ({
  DialogContainer: function Container({ children }: { readonly children: ReactNode }) {
    const [last, setLast] = useState<ReactNode>(null);
    if (isValidElement(children) && children !== last) setLast(children);
    return last;
  },
}));
const { Dialogs } = await import('../src/components/Dialogs');

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

function Inside({ name }: { readonly name: string }) {
  const [first] = useState(name);
  return <p>{first}</p>;
}

it('shows a new dialog each time that one is opened, and keeps it while it is open', () => {
  const host = document.createElement('div');
  const root = createRoot(host);
  const texts = ['a', 'changed', undefined, 'b'].map((name) => {
    act(() => root.render(<Dialogs onDismiss={() => undefined}>{name !== undefined && <Inside name={name} />}</Dialogs>));
    return host.textContent;
  });
  act(() => root.unmount());
  expect(texts[1]).toBe('a');
  expect(texts[3]).toBe('b');
});
