import { Checkbox, CheckboxGroup } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { t } from '../../messages/dataset';
import type { CoreLabel } from './labels';

const groups = style({ display: 'grid', gridTemplateColumns: { default: '1fr', lg: '1fr 1fr' }, gap: 24 });
const said = style({ display: 'block', font: 'ui-sm', color: 'neutral-subdued' });
const titles: Readonly<Record<string, () => string>> = {
  contract: () => t('contract'), identity: () => t('identity'), sensitive: () => t('sensitive'), partner: () => t('partner'),
};

interface Props {
  readonly core: readonly CoreLabel[];
  readonly chosen: readonly string[];
  readonly onChange: (labels: readonly string[]) => void;
  readonly isDisabled?: boolean;
}

/** All labels with what each says, by their kinds; what is chosen and not a core label stays. */
export function LabelChoice({ core, chosen, onChange, isDisabled = false }: Props) {
  const others = chosen.filter((label) => !core.some(({ name }) => name === label)).map((name) => ({ name, category: 'custom', description: '' }));
  const all = [...core, ...others];
  const kinds = [...new Set(all.map(({ category }) => category))];
  return (
    <div className={groups}>
      {kinds.map((kind) => {
        const labels = all.filter(({ category }) => category === kind);
        const names = labels.map(({ name }) => name);
        return (
          <CheckboxGroup
            key={kind}
            label={titles[kind]?.() ?? t('custom')}
            value={chosen.filter((label) => names.includes(label))}
            isDisabled={isDisabled}
            onChange={(now) => onChange([...chosen.filter((label) => !names.includes(label)), ...now])}
          >
            {labels.map(({ name, description }) => (
              <Checkbox key={name} value={name}><span>{name}<span className={said}>{description}</span></span></Checkbox>
            ))}
          </CheckboxGroup>
        );
      })}
    </div>
  );
}
