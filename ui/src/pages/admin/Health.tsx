import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { liveState } from '../../api/live';
import { OWN, own, type System } from '../../api/own';
import { useStore } from '../../app/store';
import { CopyAs } from '../../components/CopyAs';
import { Facts } from '../../components/Facts';
import { bytes } from '../../components/format';
import { Plain } from '../../components/Plain';
import { Query } from '../../components/States';
import { Time } from '../../components/Values';
import { t } from '../../messages/admin';
import { type Check, checkName, Level } from './Level';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, minWidth: 0 });
const head = style({ display: 'flex', flexWrap: 'wrap', columnGap: 16, rowGap: 8, alignItems: 'center', justifyContent: 'space-between' });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

const order = { error: 0, warn: 1, ok: 2 } as const;
const worst = (checks: readonly Check[]) => [...checks].sort((a, b) => order[a.level] - order[b.level]);

export default function Health() {
  const isHeld = useStore(liveState) === 'paused';
  const query = useQuery({ ...own<System>('/system'), refetchInterval: isHeld ? false : 10_000 });
  return (
    <div className={column}>
      <div className={head}>
        <p className={text}>{t('healthText')}</p>
        <CopyAs call={{ method: 'GET', path: `${OWN}/system`, cli: 'forebay doctor' }} />
      </div>
      <Query query={query} lines={10}>
        {(system) => {
          const bad = system.checks.filter(({ level }) => level !== 'ok').length;
          return (
            <>
              <strong role="status" className={text}>{bad === 0 ? t('allWell') : t('problems', { count: bad })}</strong>
              <Plain
                label={t('health')}
                columns={[t('check'), t('level'), t('found'), t('advice')]}
                rows={worst(system.checks).map((check) => ({
                  id: check.name,
                  cells: [checkName(check.name), <Level key="level" of={check.level} />, check.message, check.advice ?? '–'],
                }))}
              />
              <h2 className={h2}>{t('facts')}</h2>
              <FactsOf system={system} />
              <h2 className={h2}>{t('workers')}</h2>
              {system.workers.length === 0 ? <p className={text}>{t('noWorkers')}</p> : (
                <Plain
                  label={t('workers')}
                  columns={[t('worker'), t('state'), t('runningNow'), t('held')]}
                  rows={system.workers.map(({ name, alive, running, heldUntil }) => ({
                    id: name, cells: [name, <Level key="alive" of={alive ? 'ok' : 'error'} />, running, <Time key="held" at={heldUntil} />],
                  }))}
                />
              )}
            </>
          );
        }}
      </Query>
    </div>
  );
}

function FactsOf({ system: { version, startedAt, database, disk, queue, lake } }: { readonly system: System }) {
  return (
    <Facts
      of={[
        [t('version'), version],
        [t('started'), <Time key="started" at={startedAt} />],
        [t('database'), t('databaseAnswer', { kind: database.kind, ms: database.pingMs })],
        [t('databaseSize'), database.bytes === undefined ? undefined : bytes(database.bytes)],
        [t('disk'), disk.free === undefined || disk.total === undefined ? disk.path : t('diskFree', { free: bytes(disk.free), total: bytes(disk.total), path: disk.path })],
        [t('lake'), lake.address],
        [t('queue'), t('queueOf', { queued: queue.queued, running: queue.running, waiting: queue.waiting })],
      ]}
    />
  );
}
