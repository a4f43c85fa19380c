import { runRuntime } from '../oci/main.ts';

/** The command line as a program, for tests of this room. */
void runRuntime(process.argv.slice(2), 'test').then((code) => process.exit(code));
