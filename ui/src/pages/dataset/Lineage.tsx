import { Link } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { type DatasetDetail, type FlowRow, type Flows, own } from '../../api/own';
import { to } from '../../app/links';
import { Query } from '../../components/States';
import { Status } from '../../components/Status';
import { Verbatim } from '../../components/Verbatim';
import { t } from '../../messages/dataset';

const list = style({ listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', rowGap: 12, font: 'ui' });
const line = style({ display: 'flex', flexDirection: { default: 'column', md: 'row' }, alignItems: { default: 'start', md: 'center' }, columnGap: 12, rowGap: 4, minWidth: 0 });
const node = style({
  display: 'flex', flexDirection: 'column', rowGap: 2, paddingX: 12, paddingY: 8, borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300',
  borderRadius: 'default', minWidth: 0, maxWidth: 'full', overflowWrap: 'anywhere', boxSizing: 'border-box', width: { default: 'full', md: 280 },
});
const quiet = style({ font: 'ui-sm', color: 'neutral-subdued' });
const arrow = style({ color: 'neutral-subdued', flexShrink: 0 });
const text = style({ font: 'body', margin: 0 });

/** Source → dataflow → dataset, a line for each dataflow that writes here. */
export default function Lineage({ dataset }: { readonly dataset: DatasetDetail }) {
  const query = useQuery(own<Flows>('/flows', { limit: 1000 }));
  const writes = ({ target }: FlowRow) => target.dataset.id === dataset.id;
  return (
    <Query
      query={query}
      lines={4}
      isEmpty={({ items }) => !items.some(writes) && dataset.flows.length === 0}
      empty={{ title: t('noFlows'), text: t('noFlowsText') }}
    >
      {({ items }) => {
        const flows = items.filter(writes);
        const hidden = dataset.flows.filter(({ id }) => !flows.some((flow) => flow.id === id)).length;
        return (
          <>
            <ul className={list} aria-label={t('lineage')}>
              {flows.map((flow) => (
                <li key={flow.id} className={line}>
                  <span className={node}>
                    <Link href={to.account(flow.source.connection.id)}><Verbatim>{flow.source.connection.name}</Verbatim></Link>
                    <span className={quiet}>{flow.source.spec.title} · <Verbatim>{flow.source.what}</Verbatim></span>
                  </span>
                  <span className={arrow} aria-hidden>→</span>
                  <span className={node}>
                    <Link href={to.flow(flow.id)}><Verbatim>{flow.name}</Verbatim></Link>
                    <Status state={flow.health} note={flow.schedule.text} />
                  </span>
                  <span className={arrow} aria-hidden>→</span>
                  <span className={node}>
                    <span><Verbatim>{dataset.name}</Verbatim></span>
                    <span className={quiet}><Verbatim>{dataset.schema.title}</Verbatim></span>
                  </span>
                </li>
              ))}
            </ul>
            {hidden > 0 && <p className={text}>{t('otherFlows', { count: hidden })}</p>}
          </>
        );
      }}
    </Query>
  );
}
