import { runRuntime } from '#runtime';

// Descriptors of the addon's own threads must not keep a finished command waiting. No top-level await, which Bun cannot compile ahead.
void runRuntime(process.argv.slice(2), process.env['ORLOP_VERSION'] ?? 'development').then((code) => process.exit(code));
