import { type OrlopError, toOrlopError } from '#errors';
import type { BuildEvent, BuildResult, DockerProgress } from '#wire';

/** One line of the answer of `POST /build`. */
export type BuildLine = Omit<DockerProgress, 'aux'> & { readonly stream?: string; readonly aux?: { readonly ID: string } };

const shortId = 12;

/** Turns what happens in a build into the lines of Docker's classic builder, which programs read. Pure but for what it remembers of the step that runs. */
export function createClassicLines(keepSteps = false): { of(event: BuildEvent): BuildLine[]; readonly notices: readonly string[] } {
  const lines = new Map<string, { readonly isFrom: boolean }>();
  const containers = new Map<string, string>();
  const notices: string[] = [];
  const said = (text: string): BuildLine => ({ stream: text });
  return {
    notices,
    of(event) {
      switch (event.type) {
        case 'start':
          // Only steps of the file are told of.
          if (event.line === 0) return [];
          lines.set(event.step, { isFrom: event.instruction === 'FROM' });
          if (event.trigger !== undefined) {
            const { number, of } = event.trigger;
            return number > 1 ? [] : [said(`# Executing ${of} build trigger${of > 1 ? 's' : ''}\n`)];
          }
          return [said(`Step ${event.line}/${event.lines} : ${event.text}`), said('\n')];
        case 'container':
          containers.set(event.step, event.id.slice(0, shortId));
          return [said(` ---> Running in ${event.id.slice(0, shortId)}\n`)];
        case 'log':
          return [said(event.text)];
        case 'progress': {
          if (event.step === 'context') return [];
          const { id, status, current, total } = event.progress;
          const progressDetail = { ...(current === undefined ? {} : { current }), ...(total === undefined ? {} : { total }) };
          return [{ status, progressDetail, ...(id === undefined || id === '' ? {} : { id }) }];
        }
        case 'end': {
          if (!lines.has(event.step) || event.error !== undefined) return [];
          const container = containers.get(event.step);
          return [
            ...(event.cached ? [said(' ---> Using cache\n')] : []),
            ...(container === undefined || keepSteps ? [] : [said(`Removing intermediate container ${container}\n`)]),
            said(` ---> ${event.state.slice(0, shortId)}\n`),
          ];
        }
        case 'notice':
          notices.push(event.text);
          return [];
        default:
          return [];
      }
    },
  };
}

/** The last lines. */
export function resultLines({ id, names }: BuildResult, notices: readonly string[]): BuildLine[] {
  return [
    { aux: { ID: id } },
    ...notices.map((text) => ({ stream: `${text}\n` })),
    { stream: `Successfully built ${id.replace(/^sha256:/, '').slice(0, shortId)}\n` },
    ...names.map((name) => ({ stream: `Successfully tagged ${name}\n` })),
  ];
}

/** Docker's words for what tools look for; anything else in ours. */
export function classicWords({ code, message, hint, details = {} }: OrlopError): { readonly message: string; readonly exitCode?: number } {
  if (code === 'BUILD_STEP_FAILED') {
    const exitCode = Number(details['exitCode']);
    return { message: `The command '${String(details['command'])}' returned a non-zero code: ${exitCode}`, exitCode };
  }
  if (code === 'BUILD_NO_DOCKERFILE') return { message: `Cannot locate specified Dockerfile: ${String(details['dockerfile'])}` };
  if (code === 'BUILD_NO_SOURCE') {
    const instruction = String(details['step']).startsWith('ADD') ? 'ADD' : 'COPY';
    const source = String(details['source']);
    const why = `file not found in build context or excluded by .dockerignore: stat ${source.replace(/^\/+/, '')}: file does not exist`;
    return { message: `${instruction} failed: ${why}` };
  }
  if (code === 'BUILD_BAD_DOCKERFILE') {
    if (message.includes('the Dockerfile cannot be empty')) return { message: 'the Dockerfile (Dockerfile) cannot be empty' };
    const lines = details['lines'] as { readonly first?: number } | undefined;
    const place = lines?.first === undefined || /parse error/.test(message) ? '' : ` line ${lines.first}`;
    return { message: message.startsWith('dockerfile parse error') ? message : `dockerfile parse error${place}: ${message}` };
  }
  return { message: hint === undefined ? message : `${message}. ${hint}` };
}

/** The line that says that it has failed: the last one. */
export function failedLine(thrown: unknown): BuildLine & { readonly errorDetail: { readonly code?: number; readonly message: string } } {
  const error = toOrlopError(thrown);
  const { message, exitCode } = classicWords(error);
  const { kind, code, hint } = error;
  const errorBody = { message, kind, code, detail: error.message, ...(hint === undefined ? {} : { hint }) };
  return { errorDetail: { ...(exitCode === undefined ? {} : { code: exitCode }), message }, error: message, errorBody };
}
