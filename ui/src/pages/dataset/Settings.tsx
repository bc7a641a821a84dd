import { Button, Form, TextArea, TextField } from '@react-spectrum/s2';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { call } from '../../api/client';
import type { DatasetDetail } from '../../api/own';
import { queryClient } from '../../api/query';
import { useGo } from '../../app/go';
import { to } from '../../app/links';
import { useSession } from '../../app/session';
import { useConfirm } from '../../components/Confirm';
import { CopyAs } from '../../components/CopyAs';
import { ErrorBox } from '../../components/ErrorBox';
import { toast } from '../../components/toast';
import { t } from '../../messages/dataset';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 32, maxWidth: 640 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 12, alignItems: 'start' });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

const refresh = () =>
  queryClient.invalidateQueries({ predicate: ({ queryKey: [, path] }) => typeof path === 'string' && /datasets/i.test(path) });

export default function SettingsTab({ dataset }: { readonly dataset: DatasetDetail }) {
  const { permissions } = useSession();
  const rights = permissions.Dataset ?? [];
  return (
    <div className={column}>
      {rights.includes('write') ? <Rename dataset={dataset} /> : <p className={text}>{t('deniedWrite')}</p>}
      {rights.includes('delete') && <Delete dataset={dataset} />}
    </div>
  );
}

function Rename({ dataset }: { readonly dataset: DatasetDetail }) {
  const path = `/data/foundation/catalog/dataSets/${encodeURIComponent(dataset.id)}`;
  const [name, setName] = useState(dataset.name);
  const [description, setDescription] = useState(dataset.description ?? '');
  const body = { name, description };
  const save = useMutation({
    mutationFn: () => call(path, { method: 'PATCH', body }),
    onSuccess: async () => {
      await refresh();
      toast.done(t('saved'));
    },
  });
  function submit(event: FormEvent): void {
    event.preventDefault();
    save.mutate();
  }
  return (
    <section className={section} aria-labelledby="rename">
      <h2 id="rename" className={h2}>{t('rename')}</h2>
      <Form onSubmit={submit} styles={style({ width: 'full' })}>
        <TextField label={t('name')} value={name} onChange={setName} isRequired styles={style({ width: 'full' })} />
        <TextArea label={t('description')} value={description} onChange={setDescription} styles={style({ width: 'full' })} />
        {save.error !== null && <ErrorBox error={save.error} />}
        <div>
          <Button type="submit" variant="accent" isPending={save.isPending} isDisabled={name === dataset.name && description === (dataset.description ?? '')}>{t('save')}</Button>
        </div>
      </Form>
      <CopyAs of={t('settings')} call={{ method: 'PATCH', path, body }} />
    </section>
  );
}

function Delete({ dataset }: { readonly dataset: DatasetDetail }) {
  const { id, name, flows } = dataset;
  const [dialog, ask] = useConfirm();
  const go = useGo();
  const isUsed = flows.length > 0;
  return (
    <section className={section} aria-labelledby="delete">
      <h2 id="delete" className={h2}>{t('danger')}</h2>
      <p className={text}>{t('deleteText')}</p>
      {isUsed && <p className={text}>{t('deleteFirst', { count: flows.length, names: flows.map((flow) => flow.name).join(', ') })}</p>}
      <Button
        variant="negative"
        isDisabled={isUsed}
        onPress={() =>
          ask({
            title: t('deleteTitle', { name }), consequence: t('deleteText'), action: t('deleteAction'), isDestructive: true, typeName: name,
            onConfirm: async () => {
              await call(`/data/foundation/catalog/dataSets/${encodeURIComponent(id)}`, { method: 'DELETE' });
              toast.done(t('deleted', { name }));
              go(to.datasets());
              await refresh();
            },
          })}
      >
        {t('deleteButton')}
      </Button>
      {dialog}
    </section>
  );
}
