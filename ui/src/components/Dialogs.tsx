import { DialogContainer } from '@react-spectrum/s2';
import { Children, Fragment, type ReactNode, useState } from 'react';

interface Props {
  readonly onDismiss: () => void;
  /** One dialog, or nothing. */
  readonly children: ReactNode;
}

/**
 * Where a dialog is shown. Spectrum's container keeps the one that it showed last, with all its state, also when it is
 * closed: here each opening is a new dialog, in which nothing is left of what was typed, busy or secret before.
 */
export function Dialogs({ onDismiss, children }: Props) {
  const isOpen = Children.toArray(children).length > 0;
  const [{ was, opening }, setOpening] = useState({ was: false, opening: 0 });
  if (isOpen !== was) setOpening({ was: isOpen, opening: isOpen ? opening + 1 : opening });
  return <DialogContainer onDismiss={onDismiss}>{isOpen && <Fragment key={opening}>{children}</Fragment>}</DialogContainer>;
}
