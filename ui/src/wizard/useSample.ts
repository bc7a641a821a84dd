import { useQuery } from '@tanstack/react-query';
import { matches, sample } from '../sources/explore';
import type { Source } from '../sources/specs';
import type { WizardState } from './state';

/** The file or table that stands for what the dataflow reads, and its first rows. */
export function useSample(state: WizardState, source: Source | undefined) {
  const { data, connectionId = '' } = state;
  const { path = '', type = 'file', recursive = false } = data.params;
  const isTable = source?.kind === 'table';
  const isSingle = isTable || (type === 'file' && !/[*?[{]/.test(path));
  const found = useQuery({ ...matches(connectionId, path, type, recursive), enabled: !isSingle && path !== '' && connectionId !== '' && source !== undefined });
  const [first] = found.data?.files ?? [];
  const previewed = path === '' ? undefined : isSingle ? path : (data.sample ?? first);
  const format = isTable || data.isDetected === true || data.format === undefined
    ? undefined
    : { fileType: data.format, ...(data.properties as Readonly<Record<string, string>>) };
  const query = useQuery({
    ...sample(connectionId, { type: isTable ? 'table' : 'file', path: previewed ?? '' }, format),
    enabled: previewed !== undefined && connectionId !== '' && source !== undefined,
  });
  return { previewed, format, query, found, isSingle };
}
