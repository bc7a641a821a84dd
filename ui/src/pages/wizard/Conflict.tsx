import { Button, ButtonGroup, Content, Dialog, Heading } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useState } from 'react';
import type { Draft } from '../../api/own';
import { Dialogs } from '../../components/Dialogs';
import { Time } from '../../components/Values';
import { Verbatim } from '../../components/Verbatim';
import { t as common } from '../../messages/common';
import { t } from '../../messages/wizard';
import { shown } from '../../sources/explore';
import { differences } from '../../wizard/draft';
import { complete, type WizardState } from '../../wizard/state';

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'body' });
const table = style({ font: 'ui-sm', width: 'full', borderCollapse: 'collapse' });
const cell = style({ textAlign: 'start', verticalAlign: 'top', paddingY: 4, paddingEnd: 12, overflowWrap: 'anywhere', borderBottomWidth: 1, borderTopWidth: 0, borderXWidth: 0, borderStyle: 'solid', borderColor: 'gray-200' });
const LONGEST = 300;

interface Props {
  readonly mine: WizardState;
  readonly theirs: Draft;
  readonly onSettle: (takes: 'mine' | 'theirs') => void;
}

/** Two people saved one draft: what differs, and which of the two goes on. */
export function Conflict({ mine, theirs, onSettle }: Props) {
  const [isOpen, setOpen] = useState(true);
  const found = differences(mine, complete(theirs.state));
  const text = (value: unknown) => (shown(value) === '' ? t('nothingThere') : shown(value).slice(0, LONGEST));
  return (
    <>
      {!isOpen && <Button variant="secondary" onPress={() => setOpen(true)}>{t('conflict')}</Button>}
      <Dialogs onDismiss={() => setOpen(false)}>
        {isOpen && (
          <Dialog size="L" role="alertdialog">
            <Heading slot="title">{t('conflict')}</Heading>
            <Content>
              <div className={stack}>
                <span>{t('conflictText', { who: theirs.updatedBy })} <Time at={theirs.updatedAt} exact /></span>
                {found.length === 0 ? <span>{t('conflictSame')}</span> : (
                  <table className={table}>
                    <thead>
                      <tr><th scope="col" className={cell}>{t('conflictWhere')}</th><th scope="col" className={cell}>{t('conflictMine')}</th><th scope="col" className={cell}>{t('conflictTheirs')}</th></tr>
                    </thead>
                    <tbody>
                      {found.map((one) => (
                        <tr key={one.path}><th scope="row" className={cell}>{one.path}</th><td className={cell}><Verbatim>{text(one.mine)}</Verbatim></td><td className={cell}><Verbatim>{text(one.theirs)}</Verbatim></td></tr>
                      ))}
                    </tbody>
                  </table>
                )}
              </div>
            </Content>
            <ButtonGroup>
              <Button variant="secondary" onPress={() => setOpen(false)}>{common('cancel')}</Button>
              <Button variant="secondary" onPress={() => onSettle('theirs')}>{t('takeTheirs')}</Button>
              <Button variant="accent" onPress={() => onSettle('mine')}>{t('keepMine')}</Button>
            </ButtonGroup>
          </Dialog>
        )}
      </Dialogs>
    </>
  );
}
