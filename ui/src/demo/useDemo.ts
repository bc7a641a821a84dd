import { useMutation, useQuery } from '@tanstack/react-query';
import { call } from '../api/client';
import { type Demo, OWN, own } from '../api/own';
import { keyOf, queryClient } from '../api/query';
import { useSession } from '../app/session';
import { toast } from '../components/toast';
import { t } from '../messages/demo';

export type Fault = NonNullable<Demo['fault']> | 'none';
export const FAULTS = ['none', 's3-403', 's3-slow', 'hubspot-401'] as const satisfies readonly Fault[];

export const faultWord: Readonly<Record<Fault, () => string>> = {
  none: () => t('none'), 's3-403': () => t('s3Refused'), 's3-slow': () => t('s3Slow'), 'hubspot-401': () => t('hubspotExpired'),
};
export const faultText: Readonly<Record<Fault, () => string>> = {
  none: () => t('noneText'), 's3-403': () => t('s3RefusedText'), 's3-slow': () => t('s3SlowText'), 'hubspot-401': () => t('hubspotExpiredText'),
};

/** What goes wrong in the demo now, and how to change it. */
export function useDemo() {
  const { demo } = useSession();
  const query = useQuery({ ...own<Demo>('/demo'), enabled: demo });
  const change = useMutation({
    mutationFn: (fault: Fault) => call<Demo | undefined>(`${OWN}/demo`, { method: 'PUT', body: { fault: fault === 'none' ? null : fault } }),
    onSuccess: (_, fault) => toast.done(fault === 'none' ? t('repaired') : t('broken', { fault: faultWord[fault]() })),
    onError: (error) => toast.failed(error),
    onSettled: () => queryClient.invalidateQueries({ queryKey: keyOf(`${OWN}/demo`) }),
  });
  return { query, fault: query.data?.fault ?? ('none' as Fault), change };
}

/** Everything as it was when the demo first started: all that is shown is read again. */
export async function resetDemo(): Promise<void> {
  await call<undefined>(`${OWN}/demo/reset`, { method: 'POST' });
  await queryClient.invalidateQueries();
  toast.done(t('resetDone'));
}
