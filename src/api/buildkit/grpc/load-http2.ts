/** Node's HTTP/2 when it is first needed: it takes as long to load as an engine has to start, and few engines build for BuildKit's clients. */
export function loadHttp2(): typeof import('node:http2') {
  return process.getBuiltinModule('node:http2');
}
