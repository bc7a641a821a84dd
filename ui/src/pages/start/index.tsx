import { ActionButton, Button, Link, LinkButton, Radio, RadioGroup } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { call } from '../../api/client';
import { asApiError } from '../../api/errors';
import { useLive } from '../../api/live';
import { keyOf } from '../../api/query';
import { useGo } from '../../app/go';
import { to } from '../../app/links';
import { useConfirm } from '../../components/Confirm';
import { CopyAs } from '../../components/CopyAs';
import { quoted } from '../../components/copy';
import { Page } from '../../components/Page';
import { Empty, Query } from '../../components/States';
import { Status } from '../../components/Status';
import { toast } from '../../components/toast';
import { t as common } from '../../messages/common';
import { t } from '../../messages/start';
import { Tests } from '../../sources/Tests';
import { complete } from '../../wizard/state';

const DEMO = '/data/foundation/forebay/demo';
const FLOWS = '/data/foundation/forebay/flows';

interface Recipe {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly connection: { readonly id: string; readonly name: string };
  readonly source: unknown;
  readonly flowName: string;
}

type Fault = 's3-403' | 's3-slow' | 'hubspot-401';

interface Demo {
  readonly recipes: readonly Recipe[];
  readonly fault: Fault | null;
}

interface FlowRow {
  readonly id: string;
  readonly name: string;
  readonly health: string;
  readonly last: readonly { readonly id: string }[];
  readonly target: { readonly dataset?: { readonly id: string } };
}

const intro = style({ font: 'body-lg', margin: 0 });
const steps = style({ display: 'grid', gap: 16, gridTemplateColumns: { default: '[repeat(auto-fit, minmax(min(100%, 220px), 1fr))]' }, margin: 0, padding: 0, listStyleType: 'none' });
const stepBox = style({ display: 'flex', flexDirection: 'column', rowGap: 4, font: 'ui' });
const number = style({ font: 'title', color: 'neutral-subdued' });
const grid = style({ display: 'grid', gap: 16, gridTemplateColumns: { default: '[repeat(auto-fill, minmax(min(100%, 320px), 1fr))]' } });
const card = style({ display: 'flex', flexDirection: 'column', rowGap: 12, padding: 20, borderRadius: 'lg', borderWidth: 1, borderStyle: 'solid', borderColor: 'gray-300', backgroundColor: 'elevated', font: 'ui', minWidth: 0 });
const h2 = style({ font: 'heading-sm', margin: 0 });
const h3 = style({ font: 'title', margin: 0 });
const text = style({ margin: 0, overflowWrap: 'anywhere' });
const row = style({ display: 'flex', flexWrap: 'wrap', columnGap: 12, rowGap: 8, alignItems: 'center' });
const command = style({ font: 'code-sm', padding: 12, backgroundColor: 'layer-1', borderRadius: 'default', overflowWrap: 'anywhere' });
const plain = style({ margin: 0, paddingStart: 20, display: 'flex', flexDirection: 'column', rowGap: 4 });

/** The first five minutes: two recipes, a table, the terminal, a fault and its repair. */
export default function StartPage() {
  useLive(['flow', 'run']);
  const demo = useQuery({ queryKey: keyOf(DEMO), queryFn: ({ signal }) => call<Demo>(DEMO, { signal }) });
  const isAbsent = demo.error !== null && asApiError(demo.error).status === 404;
  return (
    <Page title={t('title')} actions={<CopyAs call={{ method: 'GET', path: DEMO, cli: 'forebay demo' }} />}>
      {isAbsent ? (
        <Empty title={t('noDemo')} text={t('noDemoText')}
          action={<LinkButton variant="accent" href={to.sources()}>{t('browse')}</LinkButton>} link={<Link href="/docs/">{t('docs')}</Link>} />
      ) : (
        <>
          <p className={intro}>{t('intro')}</p>
          <ol className={steps}>
            {([['step1', 'step1Text'], ['step2', 'step2Text'], ['step3', 'step3Text']] as const).map(([title, more], i) => (
              <li key={title} className={stepBox}>
                <span className={number} aria-hidden>{i + 1}</span>
                <strong>{t(title)}</strong>
                <span>{t(more)}</span>
              </li>
            ))}
          </ol>
          <Query query={demo}>{(data) => <Steps demo={data} />}</Query>
        </>
      )}
    </Page>
  );
}

function Steps({ demo }: { readonly demo: Demo }) {
  // Without the list of dataflows the recipes still work: only what came of them is not shown.
  const flows = useQuery({
    queryKey: keyOf(FLOWS), queryFn: async ({ signal }) => (await call<{ items: readonly FlowRow[] }>(FLOWS, { query: { limit: 1000 }, signal })).items,
  });
  const made = (recipe: Recipe) => flows.data?.filter((one) => one.name === recipe.flowName || one.name.startsWith(`${recipe.flowName} `)).at(-1);
  const names = new Set(flows.data?.map((one) => one.name));
  const runnable = demo.recipes.map(made).filter((one) => one !== undefined);
  return (
    <>
      <div className={grid}>
        {demo.recipes.map((one) => <RecipeCard key={one.id} recipe={one} flow={made(one)} names={names} />)}
      </div>
      <h2 className={h2}>{t('more')}</h2>
      <div className={grid}>
        <Card title={t('terminal')}>
          <p className={text}>{t('terminalText')}</p>
          {demo.recipes.map((one) => <Command key={one.id} text={`forebay run ${quoted(made(one)?.name ?? one.flowName)} --wait`} />)}
        </Card>
        <BreakCard demo={demo} flows={runnable} />
        <Card title={t('yours')}>
          <p className={text}>{t('yoursText')}</p>
          <ul className={plain}>
            <li><Link href={to.sources({ ready: 'yes' })}>{t('yoursSource')}</Link></li>
            <li><Link href="/docs/operations.html#postgresql">{t('yoursDatabase')}</Link></li>
            <li><Link href="/docs/operations.html#tls">{t('yoursTls')}</Link></li>
          </ul>
        </Card>
      </div>
    </>
  );
}

function Card({ title, level: Title = 'h3', children }: { readonly title: string; readonly level?: 'h2' | 'h3'; readonly children: ReactNode }) {
  return <section className={card} aria-label={title}><Title className={h3}>{title}</Title>{children}</section>;
}

function Command({ text: line }: { readonly text: string }) {
  return (
    <div className={row}>
      <code className={command}>{line}</code>
      <ActionButton aria-label={`${t('copyCommand')}: ${line}`} onPress={() => void navigator.clipboard.writeText(line).then(() => toast.done(common('copied')))}>{t('copy')}</ActionButton>
    </div>
  );
}

function RecipeCard({ recipe, flow, names }: { readonly recipe: Recipe; readonly flow: FlowRow | undefined; readonly names: ReadonlySet<string> }) {
  const [busy, setBusy] = useState(false);
  const go = useGo();
  async function open(): Promise<void> {
    setBusy(true);
    try {
      const state = complete(recipe.source);
      const name = free(state.details.name ?? recipe.flowName, names);
      const again = name.slice((state.details.name ?? recipe.flowName).length);
      const renamed = {
        ...state,
        details: { ...state.details, name },
        target: {
          ...state.target,
          ...(state.target.datasetName !== undefined && { datasetName: state.target.datasetName + again }),
          ...(state.target.schema !== undefined && { schema: { ...state.target.schema, title: state.target.schema.title + again } }),
        },
      };
      const { id } = await call<{ id: string }>('/data/foundation/forebay/drafts', { method: 'POST', body: { kind: 'flow', name, step: 'review', state: renamed } });
      go(to.newFlow({ draft: id, step: 'review' }));
    } catch (error) {
      toast.failed(error);
      setBusy(false);
    }
  }
  const run = flow?.last.at(-1);
  return (
    <Card title={recipe.title} level="h2">
      <p className={text}>{recipe.text}</p>
      <p className={text}>{t('account', { name: recipe.connection.name })}</p>
      <section aria-label={t('test', { name: recipe.connection.name })}><Tests id={recipe.connection.id} /></section>
      {flow !== undefined && (
        <div className={row}>
          <Status state={flow.health} />
          <Link href={to.flow(flow.id)}>{t('openFlow')}</Link>
          {run === undefined ? <span>{t('neverRun')}</span> : <Link href={to.run(run.id)}>{t('lastRun')}</Link>}
          {flow.target.dataset !== undefined && <Link href={to.dataset(flow.target.dataset.id)}>{t('seeTable')}</Link>}
        </div>
      )}
      <div className={row}>
        <Button variant={flow === undefined ? 'accent' : 'secondary'} isPending={busy} onPress={() => void open()}>
          {flow === undefined ? t('tryIt', { name: recipe.title }) : t('again', { name: recipe.title })}
        </Button>
      </div>
    </Card>
  );
}

/** A name that no dataflow has: a second try is another dataflow. */
function free(name: string, taken: ReadonlySet<string>): string {
  let one = name;
  for (let n = 2; taken.has(one); n += 1) one = `${name} ${String(n)}`;
  return one;
}

function BreakCard({ demo, flows }: { readonly demo: Demo; readonly flows: readonly FlowRow[] }) {
  const client = useQueryClient();
  const go = useGo();
  const [dialog, ask] = useConfirm();
  const [busy, setBusy] = useState<string>();
  async function set(fault: Fault | null): Promise<void> {
    try {
      client.setQueryData(keyOf(DEMO), await call<Demo>(DEMO, { method: 'PUT', body: { fault } }));
      toast.info(fault === null ? t('faultOff') : t('faultOn'));
    } catch (error) {
      toast.failed(error);
    }
  }
  async function run({ id }: FlowRow): Promise<void> {
    setBusy(id);
    try {
      const { id: made } = await call<{ id: string }>('/data/foundation/flowservice/runs', { method: 'POST', body: { flowId: id } });
      go(to.run(made));
    } catch (error) {
      toast.failed(error);
    } finally {
      setBusy(undefined);
    }
  }
  return (
    <Card title={t('breakIt')}>
      {dialog}
      <p className={text}>{t('breakText')}</p>
      <ol className={plain}>
        {(['break1', 'break2', 'break3', 'break4'] as const).map((one) => <li key={one}>{t(one)}</li>)}
      </ol>
      <RadioGroup label={t('faults')} value={demo.fault ?? 'none'} onChange={(one) => void set(one === 'none' ? null : (one as Fault))}>
        <Radio value="none">{common('none')}</Radio>
        <Radio value="s3-403">{t('fault')}</Radio>
        <Radio value="s3-slow">{t('faultSlow')}</Radio>
        <Radio value="hubspot-401">{t('faultHubspot')}</Radio>
      </RadioGroup>
      <div className={row}>
        {flows.length === 0 ? <span>{t('runFirst')}</span> : flows.map((one) => (
          <Button key={one.id} variant="secondary" isPending={busy === one.id} onPress={() => void run(one)}>{t('runNow', { name: one.name })}</Button>
        ))}
      </div>
      <div>
        <ActionButton onPress={() => ask({
          title: t('resetTitle'), consequence: t('resetText'), action: t('resetDo'), isDestructive: true,
          onConfirm: async () => {
            await call(`${DEMO}/reset`, { method: 'POST' });
            await client.invalidateQueries();
            toast.done(t('resetDone'));
          },
        })}>
          {t('reset')}
        </ActionButton>
      </div>
    </Card>
  );
}
