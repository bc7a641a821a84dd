import { Button, Radio, RadioGroup } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useConfirm } from '../components/Confirm';
import { Query } from '../components/States';
import { t } from '../messages/demo';
import { type Fault, FAULTS, faultText, faultWord, resetDemo, useDemo } from './useDemo';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16, alignItems: 'start' });
const said = style({ display: 'block', font: 'ui-sm', color: 'neutral-subdued' });

/** On a page: the faults of the demo as a choice, each with what it does, and the way back to the beginning. */
export function DemoSwitch() {
  const { query, fault, change } = useDemo();
  const [dialog, ask] = useConfirm();
  return (
    <Query query={query} lines={4}>
      {() => (
        <div className={column}>
          <RadioGroup label={t('faults')} value={fault} onChange={(chosen) => change.mutate(chosen as Fault)} isDisabled={change.isPending}>
            {FAULTS.map((one) => <Radio key={one} value={one}><span>{faultWord[one]()}<span className={said}>{faultText[one]()}</span></span></Radio>)}
          </RadioGroup>
          <Button
            variant="secondary"
            onPress={() => ask({ title: t('resetTitle'), consequence: t('resetText'), action: t('resetAction'), isDestructive: true, onConfirm: resetDemo })}
          >
            {t('reset')}
          </Button>
          {dialog}
        </div>
      )}
    </Query>
  );
}
