import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import type { Flow } from '../../api/lists';
import type { RunDetail } from '../../api/own';
import { get, only } from '../../api/query';
import { Json } from '../../components/Source';
import { Query } from '../../components/States';
import { Diff, difference } from '../../flows/Diff';
import { t } from '../../messages/run';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const text = style({ font: 'body', margin: 0 });
/** What changes with every write and every run says nothing of the configuration. */
const VOLATILE = new Set(['etag', 'version', 'updatedAt', 'updatedBy', 'updatedClient', 'lastOperation', 'lastRunDetails', 'runs', 'inheritedAttributes', 'state']);

/** How the dataflow was when it ran, and what differs now. */
export default function ConfigTab({ detail }: { readonly detail: RunDetail }) {
  const { flow: then } = detail.configuration;
  const now = useQuery(get('/data/foundation/flowservice/flows/{id}', { params: { path: { id: detail.flow.id } } }));
  if (then === undefined || then === null) {
    return <p className={text}>{detail.configuration.changedSince ? t('configChanged') : t('configUnknown')}</p>;
  }
  return (
    <div className={column}>
      <Query query={now}>
        {(page) => {
          const changes = difference(settled(then), settled(only<Flow>(page)));
          return (
            <>
              <p className={text}>{changes.length === 0 ? t('configSame') : t('configChanged')}</p>
              {changes.length > 0 && <Diff changes={changes} label={t('configDiff')} />}
            </>
          );
        }}
      </Query>
      <p className={text}>{t('configThen')}</p>
      <Json label={t('configThen')} value={then} />
    </div>
  );
}

function settled(flow: unknown): unknown {
  return Object.fromEntries(Object.entries(flow as object).filter(([name]) => !VOLATILE.has(name)));
}
