import type { ReactNode } from 'react';
import { Link } from 'react-aria-components/Link';

interface Props {
  readonly href: string;
  readonly className?: string;
  readonly children: ReactNode;
  readonly 'aria-label'?: string;
  readonly 'aria-current'?: 'page';
}

/** A link without a look of its own, for paths of `to`; Spectrum's `Link` is the one for text. */
export function A(props: Props) {
  return <Link {...props} />;
}
