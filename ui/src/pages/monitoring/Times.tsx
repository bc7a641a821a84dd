import { ActionButton, Button, ButtonGroup, Content, Dialog, DialogTrigger, Heading, Text, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useState } from 'react';
import type { Range } from '../../app/range';
import { settings } from '../../app/settings';
import { t } from '../../messages/monitoring';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 16 });

/** Any two times, in the zone that times are shown in. */
export default function Times({ range }: { readonly range: Range }) {
  return (
    <DialogTrigger>
      <ActionButton><Text>{t('custom')}</Text></ActionButton>
      <Dialog size="S" isDismissible>
        {({ close }) => <Choice range={range} onClose={close} />}
      </Dialog>
    </DialogTrigger>
  );
}

function Choice({ range, onClose }: { readonly range: Range; readonly onClose: () => void }) {
  const [from, setFrom] = useState(shown(range.from));
  const [until, setUntil] = useState(shown(range.to));
  const [start, end] = [read(from), read(until)];
  const isWrong = !(start < end);
  return (
    <>
      <Heading slot="title">{t('customTitle')}</Heading>
      <Content>
        <div className={column}>
          <TextField type="datetime-local" label={t('fromTime')} value={from} onChange={setFrom} />
          <TextField
            type="datetime-local" label={t('untilTime')} value={until} onChange={setUntil} isInvalid={isWrong}
            {...(isWrong && { errorMessage: t('orderWrong') })}
          />
        </div>
      </Content>
      <ButtonGroup>
        <Button
          variant="accent"
          isDisabled={isWrong}
          onPress={() => {
            range.between(start, end);
            onClose();
          }}
        >
          {t('apply')}
        </Button>
      </ButtonGroup>
    </>
  );
}

function shown(at: number): string {
  const offset = settings.get().zone === 'utc' ? 0 : new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - offset).toISOString().slice(0, 16);
}

function read(text: string): number {
  return Date.parse(settings.get().zone === 'utc' ? `${text}Z` : text);
}
