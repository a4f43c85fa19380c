import { OrlopError } from '#errors';

/** What config.json asks for and we cannot do, by its JSON path: refused, never passed over. */
export function refuseField(path: string, why: string, hint = 'leave it out of the spec'): OrlopError {
  return new OrlopError('unimplemented', 'RUNTIME_SPEC_UNSUPPORTED', `config.json ${path} is not supported: ${why}`, {
    hint,
    details: { path },
  });
}

/** A value in config.json that cannot be meant, by its JSON path. */
export function rejectField(path: string, why: string, hint?: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_SPEC_INVALID', `config.json ${path} ${why}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { path },
  });
}
