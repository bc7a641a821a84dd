import { useEffect, useRef } from 'react';
import { useStore } from '../app/store';
import { wanted } from '../app/wanted';
import { useFlowActions } from './useFlowActions';

/** Does what is wanted; the questions that it asks outlive the jump bar that it was chosen in. */
export default function ActionHost() {
  const one = useStore(wanted);
  const [dialog, act] = useFlowActions();
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  useEffect(() => {
    if (one === undefined) return;
    wanted.set(undefined);
    latest.current(one.flow, one.action);
  }, [one]);
  return dialog;
}
