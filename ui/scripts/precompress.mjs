// A .br and a .gz beside every text asset over 1 KB, and the size of the first load against its budget.
// index.html is left alone: the server writes a nonce into it for each request.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const budget = { first: 350, page: 80 };
const sizes = new Map();
for (const entry of readdirSync(dist, { recursive: true })) {
  const file = join(dist, entry);
  if (!/\.(js|css|svg|json|txt|map)$/.test(entry) || entry.startsWith('.vite') || statSync(file).size <= 1024) continue;
  const bytes = readFileSync(file);
  const gz = gzipSync(bytes, { level: 9 });
  sizes.set(entry, gz.length);
  writeFileSync(`${file}.gz`, gz);
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));
function closure(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, seen);
  return seen;
}
function kilobytes(files) {
  return [...new Set(files)].reduce((sum, file) => sum + (sizes.get(file) ?? statSync(join(dist, file)).size), 0) / 1024;
}
const first = closure('index.html');
const scripts = kilobytes([...first].map((key) => manifest[key].file));
const styles = kilobytes([...first].flatMap((key) => manifest[key].css ?? []));
console.log(`first load: ${scripts.toFixed(0)} KB of scripts, ${styles.toFixed(0)} KB of styles (gzip)`);
let over = scripts > budget.first;
for (const [key, chunk] of Object.entries(manifest)) {
  if (!chunk.isDynamicEntry || !key.startsWith('src/pages/')) continue;
  // A tab comes after its page, a page after the first load.
  const page = `${key.split('/').slice(0, 3).join('/')}/index.tsx`;
  const there = key === page ? first : new Set([...first, ...closure(page)]);
  const more = kilobytes([...closure(key)].filter((k) => !there.has(k)).map((k) => manifest[k].file));
  over ||= more > budget.page;
  console.log(`${more.toFixed(1).padStart(8)} KB  ${key}`);
}
if (over) {
  console.error(`over the budget of ${budget.first} KB for the first load or ${budget.page} KB for a page`);
  process.exit(1);
}
