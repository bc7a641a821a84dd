import { Button, ButtonGroup, Content, Heading, InlineAlert, Link, Radio, RadioGroup } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation, useQuery } from '@tanstack/react-query';
import { call } from '../../api/client';
import { type ColumnDecision, type FlowRow, type FlowSchema, OWN, own, type PendingColumn, policies, type SchemaPolicy } from '../../api/own';
import { to } from '../../app/links';
import { By } from '../../components/By';
import { ErrorBox } from '../../components/ErrorBox';
import { Plain } from '../../components/Plain';
import { Query } from '../../components/States';
import { toast } from '../../components/toast';
import { Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { refresh } from '../../flows/actions';
import { t } from '../../messages/flow';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 24, minWidth: 0 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0 });
const h2 = style({ font: 'title', margin: 0 });
const quiet = style({ font: 'body', color: 'neutral-subdued', margin: 0 });
const code = style({ font: 'code-sm', overflowWrap: 'anywhere' });

/** What the source has, what of it is stored, and the changes that wait for somebody. */
export default function SchemaTab({ flow }: { readonly flow: FlowRow }) {
  const query = useQuery(own<FlowSchema>(`/flows/${flow.id}/schema`));
  return <Query query={query}>{(schema) => <Shown flow={flow} schema={schema} />}</Query>;
}

function Shown({ flow, schema }: { readonly flow: FlowRow; readonly schema: FlowSchema }) {
  const { columns, fields, history, pending } = schema;
  return (
    <div className={column}>
      <Pending flow={flow.id} pending={pending} />
      <Policy flow={flow.id} policy={schema.policy} />
      <section className={section} aria-labelledby="columns">
        <h2 id="columns" className={h2}>{t('columns')}</h2>
        {columns.length === 0 ? <p className={quiet}>{t('noColumns')}</p> : (
          <Plain
            label={t('columns')}
            columns={[t('column'), t('type'), t('mappedTo')]}
            rows={columns.map(({ name, type, mapped, targets }) => ({
              id: name,
              cells: [<span key="name" className={code}><Verbatim>{name}</Verbatim></span>, type, mapped ? <span key="to" className={code}><Verbatim>{targets.join(', ')}</Verbatim></span> : t('notMapped')],
            }))}
          />
        )}
      </section>
      <section className={section} aria-labelledby="fields">
        <h2 id="fields" className={h2}>{t('fields')}: <Link href={to.dataset(flow.target.dataset.id)}><Verbatim>{flow.target.dataset.name}</Verbatim></Link></h2>
        <Plain
          label={t('fields')}
          columns={[t('field'), t('type'), t('required')]}
          rows={fields.map(({ path, type, required }) => ({
            id: path, cells: [<span key="path" className={code}><Verbatim>{path}</Verbatim></span>, type, required ? t('yes') : t('no')],
          }))}
        />
      </section>
      <section className={section} aria-labelledby="history">
        <h2 id="history" className={h2}>{t('history')}</h2>
        {history.length === 0 ? <p className={quiet}>{t('noHistory')}</p> : <Decisions of={history} />}
      </section>
    </div>
  );
}

const decided: Readonly<Record<string, () => string>> = { approve: () => t('hasApproved'), dismiss: () => t('hasDismissed'), policy: () => t('hasPolicy') };

function Decisions({ of }: { readonly of: readonly ColumnDecision[] }) {
  return (
    <Plain
      label={t('history')}
      columns={[t('decision'), t('column'), t('by'), t('when')]}
      rows={of.map(({ at, by, action, columns = [] }) => ({
        id: String(at),
        cells: [decided[action]?.() ?? action, <span key="columns" className={code}><Verbatim>{columns.join(', ')}</Verbatim></span>, <By key="by" account={by} />, <Time key="at" at={at} exact />],
      }))}
    />
  );
}

interface Decision {
  readonly columns: readonly PendingColumn[];
  readonly approve: boolean;
}

function Pending({ flow, pending }: { readonly flow: string; readonly pending: readonly PendingColumn[] }) {
  const decide = useMutation({
    mutationFn: async ({ columns, approve }: Decision) => {
      const body = approve ? { columns: columns.map(({ name, type }) => ({ name, type })) } : { columns: columns.map(({ name }) => name) };
      return call<{ readonly appliesFrom?: string } | undefined>(`${OWN}/flows/${flow}/schema/${approve ? 'approve' : 'dismiss'}`, { method: 'POST', body });
    },
    onSuccess: (answer, { approve }) => {
      toast.done(approve ? t('approved', { time: answer?.appliesFrom ?? '' }) : t('dismissed'));
      refresh();
    },
  });
  if (pending.length === 0) return <p className={quiet}>{t('pendingNone')}</p>;
  const act = (columns: readonly PendingColumn[], approve: boolean) => () => decide.mutate({ columns, approve });
  return (
    <InlineAlert variant="notice">
      <Heading>{t('pendingTitle', { count: pending.length })}</Heading>
      <Content>
        <div className={section}>
          <span>{t('pendingText')} {t('approveText')}</span>
          <Plain
            label={t('pendingTitle', { count: pending.length })}
            columns={[t('column'), t('type'), t('sample'), t('seen'), t('approve')]}
            rows={pending.map((one) => ({
              id: one.name,
              cells: [
                <span key="name"><span className={code}><Verbatim>{one.name}</Verbatim></span>{one.reason !== undefined && <><br />{t('left', { reason: one.reason })}</>}</span>, one.type, <span key="sample" className={code}><Verbatim>{one.sample ?? ''}</Verbatim></span>,
                <span key="seen"><Time at={one.firstSeenAt} /> {one.run !== undefined && <Link href={to.run(one.run)}>{t('inRun')}</Link>}</span>,
                <ButtonGroup key="do">
                  <Button size="S" variant="primary" isDisabled={decide.isPending} aria-label={t('approveOf', { name: one.name })} onPress={act([one], true)}>{t('approve')}</Button>
                  <Button size="S" variant="secondary" isDisabled={decide.isPending} aria-label={t('dismissOf', { name: one.name })} onPress={act([one], false)}>{t('dismiss')}</Button>
                </ButtonGroup>,
              ],
            }))}
          />
          {pending.length > 1 && <Button variant="primary" isPending={decide.isPending} onPress={act(pending, true)}>{t('approveAll')}</Button>}
          {decide.error !== null && <ErrorBox error={decide.error} />}
        </div>
      </Content>
    </InlineAlert>
  );
}

function Policy({ flow, policy }: { readonly flow: string; readonly policy: SchemaPolicy }) {
  const save = useMutation({
    mutationFn: (chosen: SchemaPolicy) => call<undefined>(`${OWN}/flows/${flow}/schema/policy`, { method: 'PUT', body: { policy: chosen } }),
    onSuccess: () => {
      toast.done(t('policySaved'));
      refresh();
    },
  });
  return (
    <div className={section}>
      <RadioGroup label={t('policy')} value={save.isPending ? save.variables : policy} isDisabled={save.isPending} onChange={(value) => save.mutate(value as SchemaPolicy)}>
        {policies.map((one) => <Radio key={one} value={one}>{t(one)}</Radio>)}
      </RadioGroup>
      {save.error !== null && <ErrorBox error={save.error} />}
    </div>
  );
}
