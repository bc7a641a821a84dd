import { Button, ButtonGroup, ComboBox, ComboBoxItem, Content, Dialog, DialogContainer, Heading } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { t as common } from '../messages/common';
import { t } from '../messages/mapping';
import { type Column, type Row, shown, valueAt } from '../sources/explore';
import { type SchemaRef, useCheck } from './check';
import { functions } from './functions';
import { columnOf, type Rule, type TargetField } from './model';

const Expression = lazy(() => import('./Expression'));
const LIMIT = 4096;

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'ui' });
const full = style({ width: 'full' });
const label = style({ font: 'ui', fontWeight: 'medium' });
const between = style({ display: 'flex', justifyContent: 'space-between', columnGap: 12, flexWrap: 'wrap', font: 'ui-sm', color: { default: 'neutral-subdued', isOver: 'negative' } });
const wrong = style({ font: 'ui-sm', color: 'negative', overflowWrap: 'anywhere' });
const table = style({ font: 'code-sm', width: 'full', borderCollapse: 'collapse' });
const cell = style({ textAlign: 'start', paddingY: 4, paddingEnd: 12, overflowWrap: 'anywhere', borderBottomWidth: 1, borderTopWidth: 0, borderXWidth: 0, borderStyle: 'solid', borderColor: 'gray-200' });

interface Props {
  readonly rule: Rule;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly fields: readonly TargetField[];
  readonly schema: SchemaRef | undefined;
  readonly allowsNewFields: boolean;
  readonly onSave: (rule: Rule) => void;
  readonly onClose: () => void;
}

/** One rule: its expression with completion and live results, and its target. */
export function RuleDialog({ rule, columns, rows, fields, schema, allowsNewFields, onSave, onClose }: Props) {
  const [source, setSource] = useState(rule.source);
  const [destination, setDestination] = useState(rule.destination);
  const { data: known = [] } = useQuery(functions());
  const isColumn = columns.some((one) => one.name === columnOf(source.trim()));
  const next: Rule = { sourceType: isColumn ? 'ATTRIBUTE' : 'EXPRESSION', source: source.trim(), destination };
  const tried = destination === '' ? { ...next, destination: 'result' } : next;
  const sample = rows.slice(0, 5);
  const { data: checked, isFetching } = useCheck(source.trim() === '' ? [] : [tried], sample, fields, destination === '' ? undefined : schema);
  const fault = checked?.faults.get(0);
  const isOver = source.length > LIMIT;
  return (
    <DialogContainer onDismiss={onClose}>
      <Dialog size="L">
        <Heading slot="title">{t('editTitle')}</Heading>
        <Content>
          <div className={stack}>
            <div>
              <span className={label} aria-hidden>{t('expression')}</span>
              <Suspense fallback={common('loading')}>
                <Expression label={t('expression')} value={source} onChange={setSource} columns={columns} functions={known} fault={fault} />
              </Suspense>
              <div className={between({ isOver })}>
                <span>{t('expressionHelp')}</span>
                <span>{t('expressionLimit', { used: source.length, limit: LIMIT })}</span>
              </div>
              <div role="status" className={wrong}>
                {fault === undefined || isFetching ? '' : fault.rows !== undefined
                  ? t('failing', { count: fault.rows, all: checked?.tried ?? 0, message: fault.message })
                  : fault.span !== undefined ? t('atCharacter', { at: fault.span.start + 1, message: fault.message }) : fault.message}
              </div>
            </div>
            <TargetBox label={t('target')} fields={fields} value={destination} allowsNewFields={allowsNewFields} onChange={setDestination} />
            <div>
              <span className={label}>{t('liveResult')}</span>
              {sample.length === 0 ? <div>{t('noSample')}</div> : (
                <table className={table}>
                  <tbody>
                    {sample.map((row, i) => (
                      <tr key={i}>
                        <th scope="row" className={cell}>{t('liveRow', { row: i + 1 })}</th>
                        {isColumn && <td className={cell}>{shown(valueAt(row, columnOf(source.trim())))}</td>}
                        <td className={cell}>{shown(valueAt(checked?.results[i] ?? undefined, tried.destination)) || t('empty')}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </div>
          </div>
        </Content>
        <ButtonGroup>
          <Button variant="secondary" onPress={onClose}>{common('cancel')}</Button>
          <Button variant="accent" isDisabled={source.trim() === '' || destination === '' || isOver} onPress={() => { onSave(next); onClose(); }}>{t('done')}</Button>
        </ButtonGroup>
      </Dialog>
    </DialogContainer>
  );
}

interface TargetBoxProps {
  readonly label: string;
  readonly fields: readonly TargetField[];
  readonly value: string;
  readonly allowsNewFields: boolean;
  readonly onChange: (path: string) => void;
  readonly takesFocus?: boolean;
}

const MOST = 200;

/** Chooses a field by search: of many fields only those that fit are listed. */
export function TargetBox({ label: name, fields, value, allowsNewFields, onChange, takesFocus = false }: TargetBoxProps) {
  const [text, setText] = useState(value);
  const words = text === value ? '' : text.toLowerCase();
  const fitting = fields.filter((one) => one.path.toLowerCase().includes(words)).slice(0, MOST);
  return (
    <ComboBox
      label={name} styles={full} items={fitting} inputValue={text} selectedKey={value === '' ? null : value} allowsCustomValue={allowsNewFields} menuTrigger="focus"
      // The picker was asked for by a press: its field takes the focus.
      // eslint-disable-next-line jsx-a11y/no-autofocus
      autoFocus={takesFocus}
      description={allowsNewFields ? t('pickNewHelp') : t('pickHelp')}
      onInputChange={setText}
      onSelectionChange={(path) => {
        const chosen = path === null ? (allowsNewFields ? text.trim() : '') : String(path);
        if (chosen === '' && text.trim() !== '') return;
        setText(chosen);
        onChange(chosen);
      }}
    >
      {(one) => <ComboBoxItem id={one.path} textValue={one.path}>{`${one.path} · ${one.type}${one.required === true ? ` · ${t('requiredMark')}` : ''}`}</ComboBoxItem>}
    </ComboBox>
  );
}
