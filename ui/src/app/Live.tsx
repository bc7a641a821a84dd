import { ActionButton, Text } from '@react-spectrum/s2';
import Pause from '@react-spectrum/s2/icons/Pause';
import Play from '@react-spectrum/s2/icons/Play';
import { liveState, pauseLive, resumeLive } from '../api/live';
import { t } from '../messages/frame';
import { useStore } from './store';

/** Whether the page is kept fresh, and the way to hold it still. Nothing on pages that do not follow the server. */
export function Live() {
  const state = useStore(liveState);
  if (state === 'off') return null;
  return (
    <ActionButton isQuiet aria-label={state === 'paused' ? t('resume') : t('pause')} onPress={state === 'paused' ? resumeLive : pauseLive}>
      {state === 'paused' ? <Play /> : <Pause />}
      <Text>{wordOf(state)}</Text>
    </ActionButton>
  );
}

export function wordOf(state: Exclude<ReturnType<typeof liveState.get>, 'off'>): string {
  return { connecting: t('connecting'), live: t('live'), paused: t('paused'), stale: t('stale') }[state];
}
