import Alert from '@react-spectrum/s2/icons/AlertTriangle';
import Cancel from '@react-spectrum/s2/icons/Cancel';
import Check from '@react-spectrum/s2/icons/CheckmarkCircle';
import Circle from '@react-spectrum/s2/icons/Circle';
import Clock from '@react-spectrum/s2/icons/Clock';
import Edit from '@react-spectrum/s2/icons/Edit';
import Cross from '@react-spectrum/s2/icons/CloseCircle';
import Pause from '@react-spectrum/s2/icons/PauseCircle';
import Refresh from '@react-spectrum/s2/icons/Refresh';
import { iconStyle, style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { ComponentType } from 'react';
import { t } from '../messages/common';

/** The states of flows (health), runs and connections, as the API names them. */
export type State =
  | 'healthy' | 'late' | 'failing' | 'running' | 'paused' | 'draft' | 'new' | 'done'
  | 'pending' | 'inProgress' | 'success' | 'failed' | 'cancelled' | 'partial'
  | 'enabled' | 'disabled' | 'initializing' | 'active';

type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'quiet';
interface Look {
  readonly tone: Tone;
  readonly icon: ComponentType<{ styles?: never; 'aria-hidden'?: boolean }>;
  readonly word: () => string;
}

const looks: Readonly<Record<State, Look>> = {
  healthy: { tone: 'good', icon: Check, word: () => t('healthy') },
  late: { tone: 'warn', icon: Clock, word: () => t('late') },
  failing: { tone: 'bad', icon: Cross, word: () => t('failing') },
  running: { tone: 'busy', icon: Refresh, word: () => t('running') },
  paused: { tone: 'quiet', icon: Pause, word: () => t('paused') },
  draft: { tone: 'quiet', icon: Edit, word: () => t('draft') },
  new: { tone: 'quiet', icon: Circle, word: () => t('new') },
  done: { tone: 'good', icon: Check, word: () => t('done') },
  pending: { tone: 'quiet', icon: Clock, word: () => t('pending') },
  inProgress: { tone: 'busy', icon: Refresh, word: () => t('inProgress') },
  success: { tone: 'good', icon: Check, word: () => t('success') },
  failed: { tone: 'bad', icon: Cross, word: () => t('failedRun') },
  cancelled: { tone: 'quiet', icon: Cancel, word: () => t('cancelled') },
  partial: { tone: 'warn', icon: Alert, word: () => t('partialRun') },
  enabled: { tone: 'good', icon: Check, word: () => t('enabled') },
  disabled: { tone: 'quiet', icon: Pause, word: () => t('disabled') },
  initializing: { tone: 'busy', icon: Refresh, word: () => t('initializing') },
  active: { tone: 'good', icon: Check, word: () => t('active') },
};
const unknown: Look = { tone: 'quiet', icon: Circle, word: () => t('unknown') };

const tones = {
  good: iconStyle({ size: 'S', color: 'positive' }),
  bad: iconStyle({ size: 'S', color: 'negative' }),
  warn: iconStyle({ size: 'S', color: 'notice' }),
  busy: iconStyle({ size: 'S', color: 'informative' }),
  quiet: iconStyle({ size: 'S', color: 'neutral' }),
};

const line = style({ display: 'inline-flex', alignItems: 'center', columnGap: 4, font: 'ui', whiteSpace: 'nowrap', verticalAlign: 'middle' });

/** A state as icon, word and colour: none of them alone. */
export function Status({ state, note }: { readonly state: string; readonly note?: string }) {
  const { tone, icon: Icon, word } = look(state);
  return (
    <span className={line}>
      <Icon styles={tones[tone] as never} aria-hidden />
      {word()}{note !== undefined && ` · ${note}`}
    </span>
  );
}

function look(state: string): Look {
  return (looks as Readonly<Record<string, Look>>)[state] ?? unknown;
}

/** The word of a state, for labels. */
export function stateWord(state: string): string {
  return look(state).word();
}

export function stateTone(state: string): Tone {
  return look(state).tone;
}
