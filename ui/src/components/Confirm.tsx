import { lazy, type ReactNode, Suspense, useState } from 'react';
import { Dialogs } from './Dialogs';
import { Pending } from './Pending';

const ConfirmDialog = lazy(() => import('./ConfirmDialog'));

export interface Question {
  readonly title: string;
  /** What will happen, and what remains. */
  readonly consequence: ReactNode;
  /** The word on the button: `Delete`, never `OK`. */
  readonly action: string;
  readonly isDestructive?: boolean;
  /** The word on the button that does nothing, where “Cancel” would be read as the action. */
  readonly dismiss?: string;
  /** A name to be typed first, only when data would be lost. */
  readonly typeName?: string;
  /** Another way to what is wanted, beside the first. */
  readonly other?: { readonly action: string; readonly onPress: () => void } | undefined;
  /** The dialog stays open, with the error, if it fails. */
  readonly onConfirm: () => Promise<unknown>;
}

/** `const [dialog, ask] = useConfirm()`: render `dialog`, call `ask({…})`. The focus returns to where it was. */
export function useConfirm(): readonly [ReactNode, (question: Question) => void] {
  const [question, ask] = useState<Question>();
  return [
    <Dialogs key="confirm" onDismiss={() => ask(undefined)}>
      {question !== undefined && <Suspense fallback={<Pending />}><ConfirmDialog {...question} onClose={() => ask(undefined)} /></Suspense>}
    </Dialogs>,
    ask,
  ];
}
