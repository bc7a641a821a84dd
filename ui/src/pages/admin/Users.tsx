import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { Query } from '../../components/States';
import { clients, permissionSets, roles } from './api';
import { Clients } from './Clients';
import { Matrix } from './Matrix';
import { Roles } from './Roles';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 32, minWidth: 0 });

export default function Users() {
  const all = useQuery(clients());
  const theirs = useQuery(roles());
  const sets = useQuery(permissionSets());
  return (
    <div className={column}>
      <Query query={all}>{(items) => <Clients clients={items} />}</Query>
      <Query query={sets} lines={3}>
        {(permissions) => (
          <Query query={theirs}>
            {(items) => (
              <>
                <Roles roles={items} sets={permissions} clients={all.data ?? []} />
                <Matrix roles={items} sets={permissions} />
              </>
            )}
          </Query>
        )}
      </Query>
    </div>
  );
}
