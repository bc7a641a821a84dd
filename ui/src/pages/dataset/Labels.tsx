import { Button, ButtonGroup, ComboBox, ComboBoxItem, Content, Dialog, Heading, InlineAlert } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { DatasetDetail } from '../../api/own';
import { queryClient } from '../../api/query';
import { may, useSession } from '../../app/session';
import { Dialogs } from '../../components/Dialogs';
import { ErrorBox } from '../../components/ErrorBox';
import { Plain } from '../../components/Plain';
import { Query } from '../../components/States';
import { toast } from '../../components/toast';
import { t } from '../../messages/dataset';
import { type CoreLabel, coreLabels, type Labels, labelsOf, saveLabels } from './labels';
import { LabelChoice } from './LabelChoice';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 24, minWidth: 0 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12 });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

export default function LabelsTab({ dataset }: { readonly dataset: DatasetDetail }) {
  const labels = useQuery(labelsOf(dataset));
  const core = useQuery(coreLabels());
  return (
    <Query query={core} lines={8}>
      {(known) => (
        <Query query={labels} lines={8}>
          {/* What somebody else saved meanwhile is refused by its etag, so an edit is kept until it is saved or discarded. */}
          {(stored) => <Editor key={stored.etag ?? ''} dataset={dataset} core={known} stored={stored} />}
        </Query>
      )}
    </Query>
  );
}

interface EditorProps {
  readonly dataset: DatasetDetail;
  readonly core: readonly CoreLabel[];
  readonly stored: Labels;
}

function Editor({ dataset, core, stored }: EditorProps) {
  const canWrite = may(useSession(), 'Dataset', 'write');
  const [now, setNow] = useState(stored);
  const [field, setField] = useState<string>();
  const save = useMutation({ mutationFn: () => saveLabels(dataset, now), onSuccess: () => toast.done(t('saved')) });
  const isChanged = JSON.stringify(now) !== JSON.stringify(stored);
  const isSealed = [now.whole, ...Object.values(now.fields)].some((labels) => labels.includes('C12'));
  const labelled = Object.entries(now.fields).filter(([, labels]) => labels.length > 0);
  return (
    <div className={column}>
      <p className={text}>{canWrite ? t('labelsText') : t('readOnly')}</p>
      {isSealed && <InlineAlert variant="notice"><Heading>{t('sealedTitle')}</Heading><Content>{t('sealedText')}</Content></InlineAlert>}
      <section className={section} aria-labelledby="labels-whole">
        <h2 id="labels-whole" className={h2}>{t('ofDataset')}</h2>
        <LabelChoice core={core} chosen={now.whole} isDisabled={!canWrite} onChange={(whole) => setNow({ ...now, whole })} />
      </section>
      <section className={section} aria-labelledby="labels-fields">
        <h2 id="labels-fields" className={h2}>{t('ofFields')}</h2>
        {labelled.length === 0 ? <p className={text}>{t('noFieldLabels')}</p> : (
          <Plain
            label={t('ofFields')}
            columns={[t('field'), t('labels'), t('change')]}
            rows={labelled.map(([path, labels]) => ({
              id: path,
              cells: [
                path,
                labels.join(', '),
                <Button key="change" size="S" variant="secondary" isDisabled={!canWrite} aria-label={t('editField', { field: path })} onPress={() => setField(path)}>{t('change')}</Button>,
              ],
            }))}
          />
        )}
        {canWrite && <span><Button variant="secondary" onPress={() => setField('')}>{t('addField')}</Button></span>}
      </section>
      {save.error !== null && (
        <ErrorBox
          error={save.error}
          actions={<Button variant="secondary" onPress={() => void queryClient.invalidateQueries({ queryKey: labelsOf(dataset).queryKey })}>{t('reload')}</Button>}
        />
      )}
      {canWrite && (
        <ButtonGroup>
          <Button variant="accent" isDisabled={!isChanged} isPending={save.isPending} onPress={() => save.mutate()}>{t('save')}</Button>
          <Button variant="secondary" isDisabled={!isChanged} onPress={() => setNow(stored)}>{t('discard')}</Button>
        </ButtonGroup>
      )}
      <span role="status" className={text}>{isChanged ? t('unsaved') : ''}</span>
      <Dialogs onDismiss={() => setField(undefined)}>
        {field !== undefined && (
          <FieldDialog
            fields={dataset.fields.map(({ path }) => path)}
            core={core}
            field={field}
            labels={now.fields}
            onDone={(path, labels) => {
              setNow({ ...now, fields: { ...now.fields, [path]: labels } });
              setField(undefined);
            }}
          />
        )}
      </Dialogs>
    </div>
  );
}

interface FieldProps {
  readonly fields: readonly string[];
  readonly core: readonly CoreLabel[];
  /** Empty: to be chosen. */
  readonly field: string;
  readonly labels: Labels['fields'];
  readonly onDone: (field: string, labels: readonly string[]) => void;
}

function FieldDialog({ fields, core, field, labels, onDone }: FieldProps) {
  const [path, setPath] = useState(field);
  const [chosen, setChosen] = useState(labels[field] ?? []);
  return (
    <Dialog size="L">
      <Heading slot="title">{field === '' ? t('addField') : t('fieldLabels', { field })}</Heading>
      <Content>
        <div className={section}>
          {field === '' && (
            <ComboBox
              label={t('field')}
              defaultItems={fields.map((one) => ({ id: one }))}
              selectedKey={path === '' ? null : path}
              onSelectionChange={(key) => {
                setPath(String(key ?? ''));
                setChosen(labels[String(key ?? '')] ?? []);
              }}
              styles={style({ width: 'full' })}
            >
              {({ id }) => <ComboBoxItem id={id}>{id}</ComboBoxItem>}
            </ComboBox>
          )}
          <LabelChoice core={core} chosen={chosen} onChange={setChosen} />
        </div>
      </Content>
      <ButtonGroup>
        <Button variant="accent" isDisabled={path === ''} onPress={() => onDone(path, chosen)}>{t('done')}</Button>
      </ButtonGroup>
    </Dialog>
  );
}
