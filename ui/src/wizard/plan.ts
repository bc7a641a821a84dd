import type { WizardState } from './state';

interface Names {
  readonly connection: string;
  readonly dataset: string;
  readonly tenant: string;
}

/** The dataset (if it is new) and the dataflow as manifests of `forebay apply`. */
export function plan({ data, target, mapping, schedule, details }: WizardState, { connection, dataset, tenant }: Names, isTable: boolean): string {
  const { path, type, recursive, ...params } = data.params;
  const own = `_${tenant}.`;
  const fields = target.schema?.fields ?? [];
  const key = fields.find((one) => one.key === true);
  const isNew = target.isExisting !== true && target.datasetId === undefined;
  const documents: object[] = [];
  if (isNew) {
    documents.push({
      kind: 'Dataset', name: dataset,
      ...(key !== undefined && { key: key.path.startsWith(own) ? key.path.slice(own.length) : `/${key.path.replaceAll('.', '/')}` }),
      fields: nested(fields.filter((one) => one.path.startsWith(own)).map((one) => [one.path.slice(own.length), one.type === 'integer' ? 'long' : one.type] as const)),
    });
  }
  documents.push({
    kind: 'Flow', name: details.name ?? '',
    ...(details.description !== undefined && details.description !== '' && { description: details.description }),
    connection, dataset,
    source: {
      ...(isTable ? { table: path } : { path, ...(type === 'folder' && { type }), ...(recursive === true && { recursive }), ...(data.format !== undefined && { format: data.format }) }),
      ...(!isTable && Object.keys(data.properties).length > 0 && { properties: data.properties }),
      ...(Object.keys(params).length > 0 && { params }),
    },
    mapping: mapping.map((rule) => ({ to: rule.destination, [rule.sourceType === 'ATTRIBUTE' ? 'from' : 'expression']: rule.source })),
    ...(data.deltaColumn !== undefined && { deltaColumn: data.deltaColumn.name }),
    ...(schedule.frequency !== 'once' && {
      schedule: {
        frequency: schedule.frequency, interval: schedule.interval,
        ...(schedule.startTime !== undefined && { start: new Date(schedule.startTime * 1000).toISOString().replace('.000', '') }),
        ...(schedule.backfill === false && { backfill: false }),
      },
    }),
    options: {
      ...(details.partialIngestionPercent !== undefined && { partialIngestionPercent: details.partialIngestionPercent }),
      ...(details.errorDiagnosticsEnabled === true && { errorDiagnostics: true }),
    },
  });
  return documents.map((one) => yaml(one, 0)).join('---\n');
}

type Tree = { [name: string]: string | { type: 'object'; fields: Tree } };

function nested(fields: readonly (readonly [path: string, type: string])[]): Tree {
  const root: Tree = {};
  for (const [path, type] of fields) {
    const names = path.split('.');
    let into = root;
    for (const name of names.slice(0, -1)) {
      const found = into[name];
      const one = typeof found === 'object' ? found : { type: 'object' as const, fields: {} };
      into[name] = one;
      into = one.fields;
    }
    into[names.at(-1) ?? ''] = type;
  }
  return root;
}

/** YAML of plain values, lists and objects. */
function yaml(value: unknown, depth: number): string {
  const pad = '  '.repeat(depth);
  return Object.entries(value as object)
    .filter(([, one]) => one !== undefined && !(typeof one === 'object' && one !== null && Object.keys(one).length === 0))
    .map(([name, one]: [string, unknown]) => {
      if (Array.isArray(one)) return `${pad}${scalar(name)}:\n${one.map((item) => `${pad}- ${yaml(item, depth + 1).trimStart()}`).join('')}`;
      if (typeof one === 'object' && one !== null) return `${pad}${scalar(name)}:\n${yaml(one, depth + 1)}`;
      return `${pad}${scalar(name)}: ${scalar(one)}\n`;
    })
    .join('');
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  const isPlain = /^[A-Za-z_/][\w ./-]*$/.test(value) && !value.endsWith(' ') && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value);
  return isPlain ? value : JSON.stringify(value);
}
