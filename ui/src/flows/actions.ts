import { call, send } from '../api/client';
import { ApiError, asApiError } from '../api/errors';
import { OWN } from '../api/own';
import { queryClient } from '../api/query';
import { type Descriptor, quoted } from '../components/copy';

const SERVICE = '/data/foundation/flowservice';

let timer: ReturnType<typeof setTimeout> | undefined;

interface Made {
  readonly id: string;
  readonly etag: string;
}

/** Reads again what a change of flows or runs touches, without waiting for the server to tell of it. */
export function refresh(): void {
  clearTimeout(timer);
  // Of a hundred changes one after the other, the last one reads.
  timer = setTimeout(() => {
    void queryClient.invalidateQueries({
      predicate: ({ queryKey: [, path] }) => typeof path === 'string' && /\/(flows|runs|overview|mappingSets)/.test(path),
    });
  }, 150);
}

async function changing<T>(work: Promise<T>): Promise<T> {
  const done = await work;
  refresh();
  return done;
}

export const runNow = (flow: string) => changing(call<Made>(`${SERVICE}/runs`, { method: 'POST', body: { flowId: flow } }));

export const setEnabled = (flow: string, on: boolean) =>
  changing(call<Made>(`${SERVICE}/flows/${flow}/action`, { method: 'POST', query: { op: on ? 'enable' : 'disable' } }));

/** A draft becomes a dataflow that runs, if the server finds it whole. */
export const publish = (flow: string) => changing(call<Made>(`${SERVICE}/flows/${flow}/action`, { method: 'POST', query: { op: 'publish' } }));

export const deleteFlow = (flow: string, etag: string) =>
  changing(call<undefined>(`${SERVICE}/flows/${flow}`, { method: 'DELETE', headers: { 'if-match': etag } }));

export const retryRun = (run: string) =>
  changing(call<Made>(`${SERVICE}/runs/${run}/action`, { method: 'POST', query: { op: 're_trigger' } }));

export const replayRun = (run: string) =>
  changing(call<Made>(`${SERVICE}/runs/${run}/action`, { method: 'POST', query: { op: 'replay' } }));

export const cancelRun = (run: string) => changing(call<Made>(`${OWN}/runs/${run}/cancel`, { method: 'POST' }));

/** The YAML of flows, one document after the other, as `forebay apply` takes it. */
export async function manifest(flows: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const flow of flows) parts.push((await (await send(`${OWN}/manifest`, { query: { flow } })).text()).trimEnd());
  return `${parts.join('\n---\n')}\n`;
}

/** Does the same to many, four at a time; when some fail, the others are done and the error names those that are not. */
export async function each<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  work: (item: T) => Promise<unknown>,
  told: (failed: number, of: number, reasons: string) => string,
): Promise<void> {
  const failures: string[] = [];
  let first: ApiError | undefined;
  const waiting = [...items];
  async function worker(): Promise<void> {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await work(item);
      } catch (error) {
        first ??= asApiError(error);
        failures.push(`${nameOf(item)}: ${asApiError(error).message}`);
      }
    }
  }
  await Promise.all(Array.from({ length: 4 }, worker));
  if (first === undefined) return;
  const shown = failures.slice(0, 5).join(' · ');
  throw new ApiError({ ...first, status: first.status, message: told(failures.length, items.length, shown) });
}

/** Offers a text as a file. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** How a flow is read from a terminal. */
export function flowCall(id: string, name: string): Descriptor {
  return { method: 'GET', path: `${SERVICE}/flows/${id}`, cli: `forebay flows get ${quoted(name)}`, yaml: () => manifest([id]) };
}

export function runCall(id: string): Descriptor {
  return { method: 'GET', path: `${OWN}/runs/${id}`, cli: `forebay runs get ${id}` };
}
