import { Button, ButtonGroup, Content, Dialog, DialogContainer, Heading, Picker, PickerItem } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '../api/client';
import { type Flow, list } from '../api/lists';
import { ErrorBox } from '../components/ErrorBox';
import { Query } from '../components/States';
import { t as common } from '../messages/common';
import { t } from '../messages/mapping';
import type { Rule } from './model';

const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 16, font: 'ui' });

interface Props {
  readonly except: string | undefined;
  readonly onImport: (rules: readonly Rule[]) => void;
  readonly onClose: () => void;
}

/** The mapping of another dataflow, taken over. */
export function ImportDialog({ except, onImport, onClose }: Props) {
  const flows = useInfiniteQuery(list('flows'));
  const [chosen, setChosen] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const offered = (flows.data ?? []).flatMap((flow) => {
    const mapping = mappingOf(flow);
    return mapping === undefined || flow.id === except ? [] : [{ id: flow.id, name: flow.name ?? flow.id, mapping }];
  });
  async function take(): Promise<void> {
    const one = offered.find((flow) => flow.id === chosen);
    if (one === undefined) return;
    setBusy(true);
    try {
      const { mappings } = await call<{ mappings: readonly Rule[] }>(`/data/foundation/conversion/mappingSets/${one.mapping}`);
      onImport(mappings.map(({ sourceType, source, destination }) => ({ sourceType, source, destination })));
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }
  return (
    <DialogContainer onDismiss={onClose}>
      <Dialog size="S">
        <Heading slot="title">{t('importTitle')}</Heading>
        <Content>
          <div className={stack}>
            <span>{t('importHelp')}</span>
            <Query query={flows} lines={1}>
              {() => offered.length === 0 ? <span>{t('importNone')}</span> : (
                <Picker label={t('importWhich')} value={chosen ?? null} placeholder={common('choose')} styles={style({ width: 'full' })} onChange={(one) => setChosen(String(one))}>
                  {offered.map((one) => <PickerItem key={one.id} id={one.id}>{one.name}</PickerItem>)}
                </Picker>
              )}
            </Query>
            {error !== undefined && <ErrorBox error={error} />}
          </div>
        </Content>
        <ButtonGroup>
          <Button variant="secondary" onPress={onClose}>{common('cancel')}</Button>
          <Button variant="accent" isDisabled={chosen === undefined} isPending={busy} onPress={() => void take()}>{t('importDo')}</Button>
        </ButtonGroup>
      </Dialog>
    </DialogContainer>
  );
}

function mappingOf(flow: Flow): string | undefined {
  const steps = (flow.transformations ?? []) as readonly { name?: string; params?: { mappingId?: string } }[];
  return steps.find((one) => one.name === 'Mapping')?.params?.mappingId;
}
