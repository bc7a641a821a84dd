import { ActionButton, Text } from '@react-spectrum/s2';
import Copy from '@react-spectrum/s2/icons/Copy';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import type { DatasetDetail } from '../../api/own';
import { Source } from '../../components/Source';
import { toast } from '../../components/toast';
import { t } from '../../messages/dataset';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 24, maxWidth: 900 });
const section = style({ display: 'flex', flexDirection: 'column', rowGap: 8, minWidth: 0 });
const head = style({ display: 'flex', alignItems: 'center', justifyContent: 'space-between', columnGap: 16 });
const h2 = style({ font: 'title', margin: 0 });
const text = style({ font: 'body', margin: 0 });

/** How other programs read the table, to copy. */
export default function OpenIn({ dataset }: { readonly dataset: DatasetDetail }) {
  const ways = [[t('duckdb'), dataset.duckdb], [t('polars'), dataset.polars], [t('spark'), dataset.spark]] as const;
  return (
    <div className={column}>
      <p className={text}>{t('openText')} {dataset.labels.length > 0 && t('openSealed')}</p>
      {ways.map(([what, snippet]) => (
        <section key={what} className={section} aria-label={what}>
          <div className={head}>
            <h2 className={h2}>{what}</h2>
            <ActionButton onPress={() => void copy(snippet)}><Copy /><Text>{t('copy', { what })}</Text></ActionButton>
          </div>
          <Source label={what}>{snippet}</Source>
        </section>
      ))}
    </div>
  );
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast.done(t('copied'));
  } catch (error) {
    toast.failed(error);
  }
}
