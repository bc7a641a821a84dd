import { ActionButton, Text } from '@react-spectrum/s2';
import CopyIcon from '@react-spectrum/s2/icons/Copy';
import Download from '@react-spectrum/s2/icons/Download';
import { style } from '@react-spectrum/s2/style' with { type: 'macro' };
import { queryOptions, useQuery } from '@tanstack/react-query';
import { type FlowRow, OWN } from '../../api/own';
import { keyOf } from '../../api/query';
import { Source } from '../../components/Source';
import { Query } from '../../components/States';
import { toast } from '../../components/toast';
import { download, manifest } from '../../flows/actions';
import { t } from '../../messages/flow';

const column = style({ display: 'flex', flexDirection: 'column', rowGap: 12, minWidth: 0 });
const bar = style({ display: 'flex', flexWrap: 'wrap', gap: 8 });
const help = style({ font: 'body-sm', margin: 0, overflowWrap: 'anywhere' });

function yamlOf({ id, etag }: FlowRow) {
  return queryOptions({ queryKey: keyOf(`${OWN}/flows/${id}`, 'manifest', etag), queryFn: () => manifest([id]) });
}

/** The dataflow as a file for `forebay apply`. */
export default function YamlTab({ flow }: { readonly flow: FlowRow }) {
  const query = useQuery(yamlOf(flow));
  const file = `${flow.name}.yaml`;
  return (
    <Query query={query}>
      {(yaml) => (
        <div className={column}>
          <p className={help}>{t('yamlHelp', { file })}</p>
          <div className={bar}>
            <ActionButton onPress={() => void navigator.clipboard.writeText(yaml).then(() => toast.done(t('copied')))}><CopyIcon /><Text>{t('copy')}</Text></ActionButton>
            <ActionButton onPress={() => download(file, yaml, 'application/yaml')}><Download /><Text>{t('download')}</Text></ActionButton>
          </div>
          <Source label={t('yamlOf')}>{yaml}</Source>
        </div>
      )}
    </Query>
  );
}
