import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { Plain } from '../../components/Plain';
import { t } from '../../messages/admin';
import type { PermissionSet, Role } from './api';

const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

/** Permissions by roles. */
export function Matrix({ roles, sets }: { readonly roles: readonly Role[]; readonly sets: readonly PermissionSet[] }) {
  return (
    <section className={section} aria-labelledby="matrix">
      <h2 id="matrix" className={h2}>{t('matrix')}</h2>
      <p className={text}>{t('matrixText')}</p>
      <Plain
        label={t('matrix')}
        columns={[t('permission'), ...roles.map(({ name }) => name)]}
        rows={sets.map(({ id, name, category }) => ({
          id,
          cells: [`${category}: ${name}`, ...roles.map(({ permissionSets }) => (permissionSets.includes(id) ? `✔ ${t('given')}` : t('notGiven')))],
        }))}
      />
    </section>
  );
}
