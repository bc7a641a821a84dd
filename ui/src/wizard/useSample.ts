import { useQuery } from '@tanstack/react-query';
import { matches, sample } from '../sources/explore';
import type { Source } from '../sources/specs';
import type { WizardState } from './state';

/**
 * The file or table that stands for what the dataflow reads, and its first rows. Of a folder it is the first file, or
 * the last: dates in names make that the newest.
 */
export function useSample(state: WizardState, source: Source | undefined, { isNewest = false } = {}) {
  const { data, connectionId = '' } = state;
  const { path = '', type = 'file', recursive = false } = data.params;
  const isTable = source?.kind === 'table';
  const isSingle = isTable || (type === 'file' && !/[*?[{]/.test(path));
  const found = useQuery({ ...matches(connectionId, path, type, recursive), enabled: !isSingle && path !== '' && connectionId !== '' && source !== undefined });
  const files = found.data?.files ?? [];
  const one = isNewest ? newest(files) : files[0];
  const previewed = path === '' ? undefined : isSingle ? path : (data.sample ?? one);
  const format = isTable || data.isDetected === true || data.format === undefined
    ? undefined
    : { fileType: data.format, ...(data.properties as Readonly<Record<string, string>>) };
  const query = useQuery({
    ...sample(connectionId, { type: isTable ? 'table' : 'file', path: previewed ?? '' }, format),
    enabled: previewed !== undefined && connectionId !== '' && source !== undefined,
  });
  return { previewed, format, query, found, isSingle };
}

function newest(files: readonly string[]): string | undefined {
  const { compare } = new Intl.Collator('en', { numeric: true });
  return files.reduce<string | undefined>((last, file) => (last === undefined || compare(file, last) > 0 ? file : last), undefined);
}
