import { join } from 'node:path';

const built = process.env['ORLOP_RUNTIME_BUILT'];

/** The command line as the tests of this room call it: from its sources, or as the built program that is named, where Node takes seconds to start (tests/vm). */
export const runtimeProgram: readonly [string, ...string[]] =
  built === undefined ? [process.execPath, join(import.meta.dirname, 'command-line.ts')] : [built];
