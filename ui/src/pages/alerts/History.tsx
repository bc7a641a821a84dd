import { Button, Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { to } from '../../app/links';
import { type ColumnOf, List } from '../../components/List';
import { Query } from '../../components/States';
import { Status } from '../../components/Status';
import { Time } from '../../components/Values';
import { t } from '../../messages/alerts';
import { type Delivery, deliveries, FAILURE, SUCCESS, type Webhook } from './webhooks';

const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const head = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 8, alignItems: 'center', justifyContent: 'space-between' });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

interface Props {
  readonly webhook: Webhook;
  readonly name: string;
  readonly onClose: () => void;
}

/** What a webhook was told or is to be told, and what it answered. */
export function History({ webhook, name, onClose }: Props) {
  const query = useQuery({
    ...deliveries(webhook.id),
    // Tries are no documents of which the server tells: while one is due, it is asked for.
    refetchInterval: ({ state }) => (state.data?.some((one) => one.state === 'pending') ? 3000 : false),
  });
  return (
    <section className={section} aria-labelledby="history">
      <div className={head}>
        <h2 id="history" className={h2}>{t('historyOf', { name })}</h2>
        <Button size="S" variant="secondary" onPress={onClose}>{t('close_')}</Button>
      </div>
      <Query query={query}>
        {(items) => items.length === 0 ? <p className={text}>{t('noneYet')}</p> : (
          <List label={t('historyOf', { name })} items={items} id={({ id }) => id} columns={columns} text={({ event, state }) => `${eventWord(event)} ${words[state]()}`} urlPrefix="history" />
        )}
      </Query>
    </section>
  );
}

const words = { pending: () => t('pending'), delivered: () => t('delivered'), failed: () => t('failedDelivery') } as const;
const looks = { pending: 'pending', delivered: 'success', failed: 'failed' } as const;

function eventWord(event: string): string {
  return event === SUCCESS ? t('success') : event === FAILURE || event.endsWith('_failed') ? t('failure') : event.endsWith('_test') ? t('testEvent') : event;
}

function answerOf({ attempts }: Delivery): string {
  const last = attempts.at(-1);
  return last === undefined ? t('noTries') : last.status !== undefined ? String(last.status) : (last.error?.message ?? '–');
}

const columns: readonly ColumnOf<Delivery>[] = [
  { id: 'event', title: t('event'), minWidth: 144, value: ({ event }) => eventWord(event), cell: ({ event }) => eventWord(event) },
  { id: 'when', title: t('when'), minWidth: 112, value: ({ createdAt }) => createdAt, cell: ({ createdAt }) => <Time at={createdAt} isQuiet /> },
  // The look of a run's state, with the delivery's own word.
  { id: 'state', title: t('delivery'), minWidth: 176, value: ({ state }) => state, cell: ({ state }) => <Status state={looks[state]} note={words[state]()} /> },
  { id: 'attempts', title: t('attempts'), align: 'end', width: 96, value: ({ attempts }) => attempts.length, cell: ({ attempts }) => attempts.length },
  { id: 'answer', title: t('answer'), minWidth: 240, value: answerOf, cell: (one) => <span title={answerOf(one)}>{answerOf(one)}</span> },
  { id: 'next', title: t('nextTry'), minWidth: 112, cell: ({ state, nextAttemptAt }) => (state === 'pending' ? <Time at={nextAttemptAt} isQuiet /> : '–') },
  { id: 'run', title: t('run'), minWidth: 128, cell: ({ runId }) => (runId === null ? '–' : <Link href={to.run(runId)}>{t('openRun')}</Link>) },
];
