import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { openDebianRegistry, user, whyNoRegistry } from './debian-registry.ts';
import { openOwnRegistry } from './own-registry.ts';

const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const dockerType = 'application/vnd.docker.distribution.manifest.v2+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const describeText = (type: string, text: string) => ({ mediaType: type, digest: digestOf(text), size: text.length });
const imageOf = (type: string, layer: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: describeText('application/vnd.oci.image.config.v1+json', '{}'),
    layers: [describeText('application/vnd.oci.image.layer.v1.tar', layer)],
  });

const [layer, manifest, dockerManifest] = ['0123456789', imageOf(mediaType, '0123456789'), imageOf(dockerType, '0123456789')];
const index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [describeText(mediaType, manifest)] });
const none = digestOf('none');
const blobs = '/v2/some/app/blobs';
const manifests = '/v2/some/app/manifests';

interface Step {
  /** METHOD and path; `@` is the upload that was begun last. */
  readonly ask: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Why what we answer differs, and what ours has instead. */
  readonly but?: Partial<Answer> & { readonly because: string };
}

interface Answer {
  readonly status: number;
  readonly code: string | null;
  readonly [header: string]: string | number | null;
}

const compared: readonly string[] = [
  'docker-content-digest',
  'docker-distribution-api-version',
  'docker-upload-uuid',
  'location',
  'range',
  'content-range',
  'link',
  'www-authenticate',
  'etag',
  'accept-ranges',
];

const put = (type: string, body: string) => ({ headers: { 'content-type': type }, body });

const notTheBlob = { code: 'SIZE_INVALID', 'docker-content-digest': null, etag: null };
const theManifest = { 'docker-content-digest': digestOf(manifest), etag: `"${digestOf(manifest)}"` };

const steps: readonly Step[] = [
  { ask: 'GET /v2/' },
  { ask: 'GET /v2/some/app/tags/list' },
  { ask: `HEAD ${blobs}/${none}` },
  { ask: `GET ${blobs}/${none}` },
  { ask: `GET ${manifests}/none` },
  { ask: `GET ${manifests}/${none}` },
  { ask: `GET ${manifests}/-none`, but: { because: 'an unknown tag is an unknown tag', code: 'MANIFEST_UNKNOWN' } },
  { ask: `GET ${blobs}/sha256:short` },
  { ask: 'GET /v2/Some/app/tags/list', but: { because: 'the specification has a code for bad names', status: 400, code: 'NAME_INVALID' } },
  { ask: `POST ${blobs}/uploads/` },
  { ask: 'GET @' },
  { ask: 'PATCH @', headers: { 'content-range': '0-3' }, body: '0123' },
  { ask: 'GET @' },
  { ask: 'PUT @' },
  { ask: 'PUT @?digest=nonsense' },
  { ask: `PUT @?digest=${digestOf(layer)}`, body: '456789' },
  { ask: 'GET @' },
  { ask: `POST ${blobs}/uploads/` },
  { ask: `PUT @?digest=${digestOf('{}')}`, body: '{}' },
  { ask: `POST ${blobs}/uploads/` },
  { ask: `PUT @?digest=${none}`, body: 'something' },
  { ask: `POST ${blobs}/uploads/` },
  {
    ask: 'PATCH @',
    headers: { 'content-range': '7-8' },
    body: '78',
    but: { because: 'chunks come in order', status: 416, code: 'BLOB_UPLOAD_INVALID', range: '0-0' },
  },
  { ask: 'DELETE @' },
  { ask: 'DELETE @' },
  {
    ask: `PATCH ${blobs}/uploads/00000000-0000-4000-8000-000000000000`,
    body: 'x',
    but: { because: 'it does not exist', code: 'BLOB_UPLOAD_UNKNOWN' },
  },
  { ask: `POST /v2/other/blobs/uploads/?mount=${digestOf(layer)}&from=some/app` },
  { ask: `POST /v2/other/blobs/uploads/?mount=${none}&from=some/app` },
  { ask: `HEAD ${blobs}/${digestOf(layer)}` },
  { ask: `GET ${blobs}/${digestOf(layer)}` },
  { ask: `GET ${blobs}/${digestOf(layer)}`, headers: { range: 'bytes=2-4' } },
  { ask: `GET ${blobs}/${digestOf(layer)}`, headers: { range: 'bytes=-3' } },
  {
    ask: `GET ${blobs}/${digestOf(layer)}`,
    headers: { range: 'bytes=4-2' },
    but: { because: 'the answer is not the blob', ...notTheBlob, 'content-range': 'bytes */10' },
  },
  {
    ask: `GET ${blobs}/${digestOf(layer)}`,
    headers: { range: 'bytes=10-' },
    but: { because: 'the answer is not the blob', ...notTheBlob },
  },
  {
    ask: `GET ${blobs}/${digestOf(layer)}`,
    headers: { 'if-none-match': `"${digestOf(layer)}"` },
    but: { because: 'it is as true as elsewhere', 'accept-ranges': 'bytes' },
  },
  { ask: `PUT ${blobs}/${digestOf(layer)}`, body: 'x', but: { because: 'every error has a code', code: 'UNSUPPORTED' } },
  { ask: `PUT ${manifests}/one`, ...put(mediaType, manifest) },
  { ask: `PUT ${manifests}/two`, ...put(mediaType, manifest) },
  { ask: `PUT ${manifests}/docker`, ...put(dockerType, dockerManifest) },
  { ask: `PUT ${manifests}/index`, ...put(indexType, index) },
  { ask: `PUT ${manifests}/${digestOf(manifest)}`, ...put(mediaType, manifest) },
  { ask: `PUT ${manifests}/${none}`, ...put(mediaType, manifest) },
  {
    ask: `PUT ${manifests}/-bad`,
    ...put(mediaType, manifest),
    but: { because: 'the tag is what is wrong', status: 400, code: 'TAG_INVALID' },
  },
  { ask: `PUT ${manifests}/bad`, ...put(mediaType, 'no JSON') },
  { ask: `PUT ${manifests}/bad`, ...put(dockerType, manifest) },
  {
    ask: `PUT ${manifests}/bad`,
    ...put(mediaType, imageOf(mediaType, 'never pushed')),
    but: { because: 'the table of endpoints says 404', status: 404 },
  },
  { ask: `GET ${manifests}/one`, but: { because: 'what is accepted changes nothing', status: 200, code: null, ...theManifest } },
  { ask: `HEAD ${manifests}/${digestOf(manifest)}`, headers: { accept: mediaType } },
  {
    ask: `GET ${manifests}/one`,
    headers: { accept: mediaType, 'if-none-match': `"${digestOf(manifest)}"` },
    but: { because: 'RFC 9110 wants the tag with a 304', ...theManifest },
  },
  { ask: `GET ${manifests}/docker`, headers: { accept: dockerType } },
  { ask: `GET ${manifests}/index`, headers: { accept: indexType } },
  { ask: 'GET /v2/some/app/tags/list' },
  { ask: `POST /v2/other/blobs/uploads/?mount=${digestOf('{}')}&from=some/app` },
  { ask: 'PUT /v2/other/manifests/one', ...put(mediaType, manifest) },
  { ask: 'GET /v2/_catalog' },
  { ask: 'GET /v2/_catalog?n=1' },
  { ask: 'DELETE /v2/', but: { because: 'nothing is deleted', status: 405, code: 'UNSUPPORTED' } },
  { ask: 'GET /v2/some/app/nothing', but: { because: 'every error has a code', code: 'UNSUPPORTED' } },
  { ask: `DELETE ${manifests}/${digestOf(index)}` },
  { ask: `DELETE ${manifests}/${digestOf(index)}` },
  { ask: `DELETE ${manifests}/${none}` },
  { ask: `DELETE ${blobs}/${digestOf(layer)}`, but: { because: 'it says what is gone', 'docker-content-digest': digestOf(layer) } },
  { ask: `GET ${blobs}/${digestOf(layer)}` },
  { ask: `DELETE ${blobs}/${none}` },
];

async function walk(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer[]> {
  const answers: Answer[] = [];
  let upload = '';
  for (const step of steps) {
    const [method = '', path = ''] = step.ask.split(' ');
    const target = new URL(path.replace('@', upload), url);
    // The state that Docker's keeps in the query comes before what the step asks for.
    if (path.startsWith('@?')) target.search = `${new URL(upload, url).search}&${path.slice(2)}`;
    const content = step.body === undefined ? {} : { body: step.body };
    const init = { method, headers: { 'content-type': 'application/octet-stream', ...headers, ...step.headers }, ...content };
    const response = await fetch(target, init);
    // Docker's promises the length of the blob with its 416 and sends a sentence.
    const body = await response.text().catch(() => '');
    if (response.headers.has('docker-upload-uuid')) upload = response.headers.get('location') ?? upload;
    answers.push(normalize(url, response, body));
  }
  return answers;
}

/** What must be alike: locations as paths, without Docker's state, with ids that all look the same. */
function normalize(url: string, response: Response, body: string): Answer {
  const anonymous = (text: string | null): string | null => text?.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID') ?? null;
  const location = response.headers.get('location');
  const code = /"code":"([A-Z_]+)"/.exec(body)?.[1] ?? null;
  return {
    status: response.status,
    code,
    ...Object.fromEntries(compared.map((name) => [name, anonymous(response.headers.get(name))])),
    location: location === null ? null : anonymous(new URL(location, url).pathname),
    link: sortQuery(response.headers.get('link')),
  };
}

/** The order of parameters says nothing. */
function sortQuery(link: string | null): string | null {
  return link?.replace(/\?([^>]*)>/, (_, query: string) => `?${query.split('&').toSorted().join('&')}>`) ?? null;
}

test("our registry answers as Docker's does, but where it says why not", { skip: whyNoRegistry() }, async () => {
  await using theirs = await openDebianRegistry();
  await using ours = await openOwnRegistry();
  const [expected, got] = [await walk(`http://${theirs.host}`), await walk(`http://${ours.host}`)];
  for (const [at, { ask, but }] of steps.entries()) {
    const { because = '', ...wanted } = but ?? {};
    assert.deepEqual(got[at], { ...expected[at], ...wanted }, `${ask} ${because}`);
  }
});

test("whoever is not let in is told so as by Docker's", { skip: whyNoRegistry() }, async () => {
  await using theirs = await openDebianRegistry({ users: true });
  await using ours = await openOwnRegistry({ users: true });
  const login = (password: string) => ({ authorization: `Basic ${btoa(`${user.username}:${password}`)}` });
  for (const headers of [{}, login('wrong'), login(user.password)]) {
    const ask = async ({ host }: { host: string }) => {
      const { status, headers: answered } = await fetch(`http://${host}/v2/`, { headers });
      return [status, answered.get('www-authenticate')?.split(' ')[0], answered.get('docker-distribution-api-version')];
    };
    assert.deepEqual(await ask(ours), await ask(theirs));
  }
});
