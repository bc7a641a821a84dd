import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { Step, WizardState } from '../../wizard/state';
import type { Source } from '../../sources/specs';

/** What every step gets. */
export interface StepProps {
  readonly state: WizardState;
  readonly change: (part: Partial<WizardState> | ((old: WizardState) => Partial<WizardState>)) => void;
  readonly source: Source | undefined;
  readonly go: (step: Step) => void;
}

export const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
export const narrow = style({ display: 'flex', flexDirection: 'column', rowGap: 16, maxWidth: 640 });
export const note = style({ font: 'ui-sm', color: 'neutral-subdued', margin: 0 });
export const body = style({ font: 'body', margin: 0 });
export const h3 = style({ font: 'title', margin: 0 });
export const row = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'end' });
