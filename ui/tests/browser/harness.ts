import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, type BrowserContext, type BrowserContextOptions, type Page, type Request, chromium } from 'playwright-core';
import { expect, inject } from 'vitest';

export const FLOWSERVICE = '/data/foundation/flowservice';
export const OWN = '/data/foundation/forebay';

export const root = resolve(import.meta.dirname, '../../..');
export const program = process.env.FOREBAY_TEST_BIN
  ?? join(process.env.CARGO_TARGET_DIR ?? join(homedir(), '.cache/forebay/target'), 'debug/forebay');

interface Credentials {
  readonly imsOrgId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly apiKey: string;
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly sandbox?: string;
}

/** A `forebay demo` of a test file's own: the real program with its simulators, in a folder that goes away with it. */
export class Server {
  private token = '';

  private constructor(
    private child: ChildProcess,
    readonly dir: string,
    readonly url: string,
    /** Signs in once. */
    readonly link: string,
    readonly told: Readonly<Record<string, unknown>>,
    readonly credentials: Credentials,
  ) {}

  static async start(options: { readonly dir?: string; readonly port?: string } = {}): Promise<Server> {
    const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'forebay-ui-'));
    const data = join(dir, 'demo');
    const child = spawn(program, ['demo', '--output', 'json', '--listen', `127.0.0.1:${options.port ?? '0'}`, '--data', data], {
      // Runs begin sooner than a person would need, so that tests need not wait for them.
      env: { ...process.env, FOREBAY_RUN_TICK_MS: '50' }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    // Tests that are broken off leave no server behind.
    process.once('exit', () => { child.kill('SIGKILL'); });
    let log = '';
    child.stderr.on('data', (part: Buffer) => { log = (log + part.toString()).slice(-20_000); });
    const told = await new Promise<Record<string, unknown>>((done, failed) => {
      child.once('exit', (code) => { failed(new Error(`forebay demo ended with ${String(code)}: ${log}`)); });
      child.once('error', failed);
      createInterface(child.stdout).on('line', (line) => { if (line.startsWith('{')) done(JSON.parse(line) as Record<string, unknown>); });
    });
    const credentials = JSON.parse(readFileSync(join(data, 'credentials.json'), 'utf8')) as Credentials;
    return new Server(child, dir, told.url as string, told.ui as string, told, credentials);
  }

  /** A folder for PATH in which the program is called `forebay`. */
  commands(): string {
    const folder = join(this.dir, 'bin');
    if (!existsSync(folder)) {
      mkdirSync(folder);
      symlinkSync(program, join(folder, 'forebay'));
    }
    return folder;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A call as its first client makes it, beside the browser. Fails where the server refuses, unless `refused` is read. */
  async send(path: string, { method = 'GET', body, headers = {}, sandbox = 'prod' }: CallOptions = {}): Promise<Response> {
    if (this.token === '') {
      const form = new URLSearchParams({
        grant_type: 'client_credentials', client_id: this.credentials.clientId, client_secret: this.credentials.clientSecret, scope: 'openid',
      });
      const answer = await fetch(`${this.url}/ims/token/v3`, { method: 'POST', body: form });
      this.token = ((await answer.json()) as { access_token: string }).access_token;
    }
    return fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`, 'x-api-key': this.credentials.apiKey, 'x-gw-ims-org-id': this.credentials.imsOrgId,
        'x-sandbox-name': sandbox, 'content-type': 'application/json', ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async call<T = Record<string, unknown>>(path: string, options?: CallOptions): Promise<T> {
    const answer = await this.send(path, options);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${options?.method ?? 'GET'} ${path}: ${String(answer.status)} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as T;
  }
}

let shared: Promise<Browser> | undefined;
export function browser(): Promise<Browser> {
  shared ??= chromium.connect(inject('chromium'));
  return shared;
}

export interface PageOptions extends BrowserContextOptions {
  /** Complaints of the browser's console that the test brings about itself. */
  readonly expected?: readonly RegExp[];
  readonly isSignedIn?: boolean;
}

/** What the browser complained about. A test's guards hold when it is empty. */
export interface Guarded {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly complaints: readonly string[];
}

/** What each context still waits for. */
const asked = new WeakMap<BrowserContext, Set<Request>>();

/** Complaints that no page can help. */
const COMMON = [
  // The service says 404 where a dataset has no labels, and the browser notes each 404.
  /status of 404 .*\/dataset\/datasets\/\w+\/labels/,
];

/**
 * A context with guards: errors in the console or on the page, violations of the content policy, requests to another
 * host and native dialogs are noted, for `visit` to fail the test with.
 */
export async function guarded(server: Server, { expected = [], isSignedIn = true, ...options }: PageOptions = {}): Promise<Guarded> {
  const context = await (await browser()).newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US', timezoneId: 'Europe/Berlin', ...options });
  context.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  const origin = new URL(server.url).origin;
  const note = (text: string): void => { if (![...COMMON, ...expected].some((one) => one.test(text))) complaints.push(text); };
  context.on('console', (message) => { if (message.type() === 'error') note(`console: ${message.text()} (${message.location().url})`); });
  context.on('weberror', (error) => { note(`error: ${error.error().stack ?? error.error().message}`); });
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !['data:', 'blob:'].includes(url.protocol)) note(`request to ${request.url()}`);
  });
  const flying = new Set<Request>();
  asked.set(context, flying);
  // Live events never end.
  context.on('request', (request) => { if (!/\/forebay\/events\?/.test(request.url())) flying.add(request); });
  context.on('requestfinished', (request) => { flying.delete(request); });
  context.on('requestfailed', (request) => { flying.delete(request); });
  context.on('dialog', (dialog) => { note(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} blocked ${event.blockedURI} at ${event.sourceFile}:${String(event.lineNumber)} ${event.sample}`);
    });
  });
  if (build !== undefined) await overlay(context, origin, build);
  if (isSignedIn) {
    const { clientId, clientSecret } = server.credentials;
    const answer = await context.request.post(`${server.url}${OWN}/session`, { data: { clientId, clientSecret } });
    if (!answer.ok()) throw new Error(`sign-in: ${String(answer.status())} ${await answer.text()}`);
    // The UI asks for a session only where it has seen a sign-in.
    await context.addInitScript(() => { if (window === top && location.protocol.startsWith('http')) localStorage.setItem('forebay.signedIn', 'yes'); });
  }
  return { page: await context.newPage(), context, complaints };
}

/** A build of the UI (`npm run build`) to test in place of what was compiled into the program. */
const build = process.env.FOREBAY_TEST_UI;

async function overlay(context: BrowserContext, origin: string, folder: string): Promise<void> {
  const types: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', woff2: 'font/woff2' };
  await context.route((url) => url.origin === origin && url.pathname.startsWith('/ui/'), async (route) => {
    const name = new URL(route.request().url()).pathname.slice('/ui/'.length);
    const type = types[name.split('.').at(-1) ?? ''];
    if (type !== undefined) {
      await route.fulfill({ path: join(folder, name), contentType: type });
      return;
    }
    const served = await route.fetch();
    const nonce = /'nonce-(\w+)'/.exec(served.headers()['content-security-policy'] ?? '')?.[1] ?? '';
    await route.fulfill({ response: served, body: readFileSync(join(folder, 'index.html'), 'utf8').replaceAll('__CSP_NONCE__', nonce) });
  });
}

/** Runs a test on a page and fails it with what the browser complained about. */
export async function visit(server: Server, options: PageOptions, body: (page: Page, context: BrowserContext) => Promise<void>): Promise<void> {
  const { page, context, complaints } = await guarded(server, options);
  try {
    await body(page, context);
    expect(complaints).toEqual([]);
  } catch (error) {
    const shots = process.env.FOREBAY_TEST_SHOTS;
    if (shots !== undefined) await page.screenshot({ path: join(shots, `failed-${String(Date.now())}.png`) }).catch(() => undefined);
    if (complaints.length > 0 && error instanceof Error) error.message += `\nThe browser complained:\n${complaints.join('\n')}`;
    throw error;
  } finally {
    await context.close();
  }
}

/** A page's content is there: its heading, and nothing is being loaded. */
export async function settled(page: Page): Promise<void> {
  await page.locator('main h1, form h1, h1').first().waitFor();
  const isBusy = (): Promise<boolean> => page.evaluate(() => document.querySelector('[aria-busy="true"], [role="progressbar"], [role="status"][aria-label="Loading…"]') !== null);
  const limit = Date.now() + 60_000;
  const waits = (): boolean => [...(asked.get(page.context()) ?? [])].some((one) => one.frame().page() === page);
  // Three times, since one answer may bring the next question about.
  for (let quiet = 0; quiet < 3;) {
    if (Date.now() > limit) throw new Error(`${page.url()} is still loading`);
    quiet = waits() || (await isBusy()) ? 0 : quiet + 1;
    await page.waitForTimeout(50);
  }
}

/** What the demo's S3 takes. */
export const S3 = { key: 'AKIAPLAYGROUND', secret: 'playground-secret-not-for-production' };

function python(): string {
  const found = process.env.FOREBAY_TEST_PYTHON;
  if (found === undefined) throw new Error('FOREBAY_TEST_PYTHON is not set: run through make');
  return found;
}

/** Puts an object into the demo's S3, with a client that is not ours. */
export function putObject(server: Server, name: string, bytes: string | Buffer): void {
  execFileSync(python(), ['-c', `
import boto3, sys
s3 = boto3.client("s3", endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3], region_name="us-east-1")
s3.put_object(Bucket="playground", Key=sys.argv[4], Body=sys.stdin.buffer.read())`, server.told.s3 as string, S3.key, S3.secret, name], { input: bytes });
}

/** What a program that is not ours finds in a table. */
export function oracle(...args: string[]): string {
  return execFileSync(python(), [join(root, 'scripts/oracle.py'), ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
}
