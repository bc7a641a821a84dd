import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Query } from '../components/States';
import { Verbatim } from '../components/Verbatim';
import { t } from '../messages/sources';
import { type Entry, type Format, sample } from './explore';
import { FormatBar } from './FormatBar';
import { Preview } from './Preview';
import { Tree } from './Tree';

const columns = style({ display: 'grid', gap: 16, gridTemplateColumns: { default: ['minmax(0,1fr)'], lg: ['minmax(0,320px)', 'minmax(0,1fr)'] }, minWidth: 0 });
const stack = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const note = style({ font: 'ui-sm', color: 'neutral-subdued', margin: 0 });
const h3 = style({ font: 'title', margin: 0, overflowWrap: 'anywhere' });

interface Props {
  readonly connection: string;
  readonly isTables: boolean;
  /** What is marked in the tree. */
  readonly chosen: string | undefined;
  /** The file or table that the preview shows. */
  readonly previewed: string | undefined;
  readonly onChoose: (entry: Entry) => void;
  /** How files are read, if not as found out. */
  readonly format?: Format;
  readonly onFormat?: (format: Format | undefined) => void;
  /** Above the preview. */
  readonly children?: ReactNode;
}

/** What an account holds on the left, the first rows of it on the right. */
export function Explorer({ connection, isTables, chosen, previewed, onChoose, format, onFormat, children }: Props) {
  return (
    <div className={columns}>
      <Tree key={connection} connection={connection} isTables={isTables} chosen={chosen} onChoose={onChoose} />
      <div className={stack}>
        {children}
        {previewed === undefined
          ? <p className={note}>{isTables ? t('chooseTable') : t('choosePreview')}</p>
          : <Shown connection={connection} path={previewed} isTable={isTables} format={format} onFormat={onFormat} />}
      </div>
    </div>
  );
}

interface ShownProps {
  readonly connection: string;
  readonly path: string;
  readonly isTable: boolean;
  readonly format: Format | undefined;
  readonly onFormat: ((format: Format | undefined) => void) | undefined;
}

function Shown({ connection, path, isTable, format, onFormat }: ShownProps) {
  const query = useQuery(sample(connection, { type: isTable ? 'table' : 'file', path }, format));
  const found = format ?? query.data?.format;
  return (
    <div className={stack}>
      <h3 className={h3}><Verbatim>{path}</Verbatim></h3>
      {!isTable && onFormat !== undefined && found !== undefined && <FormatBar format={found} isOverridden={format !== undefined} onChange={onFormat} />}
      <Query query={query}>{(data) => <Preview key={path} sample={data} name={path} />}</Query>
      {found?.fileType === 'delimited' && <p className={note}>{t('badRows')}</p>}
    </div>
  );
}
