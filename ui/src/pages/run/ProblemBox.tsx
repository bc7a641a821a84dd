import { Button, ButtonGroup, Content, Heading, InlineAlert, Link, LinkButton } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { Problem, RunDetail } from '../../api/own';
import { to } from '../../app/links';
import { relativeTime } from '../../components/format';
import { toast } from '../../components/toast';
import { Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { t } from '../../messages/run';

const facts = style({ display: 'flex', flexDirection: 'column', rowGap: 4, font: 'body', overflowWrap: 'anywhere' });
const code = style({ font: 'code-sm' });
const label = style({ fontWeight: 'bold' });

interface Props {
  readonly problem: Problem;
  readonly detail: RunDetail;
  readonly onRetry: () => void;
  readonly onRun: (() => void) | undefined;
}

/** What failed, where, why in the source's words, and the buttons that mend it. */
export function ProblemBox({ problem, detail, onRetry, onRun }: Props) {
  const { code: id, what, why, since, seenBefore, records = 0, docUrl } = problem;
  const hasFailed = detail.run.status === 'failed';
  const where = placeOf(problem);
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(JSON.stringify({ ...problem, run: detail.run.id, flow: detail.flow.id, page: location.href }, null, 2));
    toast.done(t('copied'));
  }
  return (
    <InlineAlert variant={hasFailed ? 'negative' : 'notice'} styles={style({ maxWidth: 900 })}>
      <Heading level={2}><Verbatim>{what}</Verbatim></Heading>
      <Content>
        <div className={facts}>
          <span><span className={code}>{id}</span> {problem.title}{records > 0 && ` · ${t('records', { count: records })}`}</span>
          {where !== '' && <span><span className={label}>{t('where')}: </span><span className={code}><Verbatim>{where}</Verbatim></span></span>}
          <span><span className={label}>{t('why')}: </span><Verbatim>{why}</Verbatim></span>
          <span>
            {since !== undefined && <><span className={label}>{t('since')}: </span><Time at={since} exact /> · </>}
            <span className={label}>{t('seen')}: </span>
            {seenBefore === undefined || seenBefore.times === 0
              ? t('firstTime')
              : t('seenTimes', { count: seenBefore.times, when: relativeTime(seenBefore.lastAt, Date.now()) })}
          </span>
          <span><span className={label}>{t('do')}: </span><Verbatim>{problem.do}</Verbatim> {docUrl !== '' && <Link href={docUrl}>{t('readMore', { code: id })}</Link>}</span>
          {hasFailed && problem.where.file !== undefined && <span>{onRun === undefined ? t('mendedLater') : t('mendedNow')}</span>}
          <ButtonGroup styles={style({ marginTop: 8 })}>
            {detail.source !== undefined && isOfAccess(problem) && <LinkButton variant="primary" href={to.account(detail.source.connection.id, { tab: 'credentials' })}>{t('replaceCredentials')}</LinkButton>}
            {isOfMapping(problem) && <LinkButton variant="primary" href={to.flow(detail.flow.id, { tab: 'mapping' })}>{t('openMapping')}</LinkButton>}
            {records > 0 && <LinkButton variant="secondary" href={to.run(detail.run.id, { tab: 'rows', code: id })}>{t('showRows')}</LinkButton>}
            {hasFailed && detail.retriable && <Button variant="secondary" onPress={onRetry}>{t('retry')}</Button>}
            {hasFailed && onRun !== undefined && <Button variant="secondary" onPress={onRun}>{t('runNow')}</Button>}
            <Button variant="secondary" fillStyle="outline" onPress={() => void copy()}>{t('copyDetails')}</Button>
          </ButtonGroup>
        </div>
      </Content>
    </InlineAlert>
  );
}

function placeOf({ where: { object, file, line, column, field } }: Problem): string {
  const inFile =
    file === undefined ? undefined
    : line === undefined ? file : t('fileLine', { file, line });
  return [object, inFile, column === undefined ? undefined : t('columnOf', { column }), field === undefined ? undefined : t('fieldOf', { field })].filter(Boolean).join(' · ');
}

/** The source refused the account: its credentials or what they may do. */
function isOfAccess({ code: id }: Problem): boolean {
  return /-40[13]$|^FLOW-1102-/.test(id);
}

function isOfMapping({ code: id }: Problem): boolean {
  return id.startsWith('MAPPER-');
}
