import type { BuildWarning } from '#wire';

/** What was looked at. */
export interface LintedFile {
  readonly name: string;
  readonly text: string;
}

/** What `docker build --check` shows: BuildKit's frontend gives it as text and as JSON (frontend/subrequests/lint). */
export function lintMetadata(warnings: readonly BuildWarning[], file: LintedFile): Record<string, Uint8Array> {
  const found = {
    warnings: warnings.map(({ rule, message, url = '', lines }) => ({
      ruleName: rule,
      description: message,
      url,
      detail: message,
      location: { sourceIndex: 0, ranges: [{ start: { line: lines.first }, end: { line: lines.last } }] },
    })),
    sources: [{ filename: file.name, data: Buffer.from(file.text).toString('base64'), language: 'Dockerfile' }],
  };
  const text = warnings
    .map(({ rule, message, url, excerpt = '' }) => `\nWARNING: ${rule}${url === undefined ? '' : ` - ${url}`}\n${message}\n${excerpt}\n`)
    .join('');
  const bytes = (value: string): Uint8Array => Buffer.from(value);
  return {
    'result.json': bytes(JSON.stringify(found)),
    'result.txt': bytes(text),
    'result.statuscode': bytes(warnings.length === 0 ? '0' : '1'),
    version: bytes('1.0.0'),
  };
}
