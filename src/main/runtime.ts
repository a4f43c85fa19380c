import { runRuntime } from '#runtime';

async function runProgram(): Promise<void> {
  const code = await runRuntime(process.argv.slice(2), process.env['ORLOP_VERSION'] ?? 'development');
  // Descriptors of the addon's own threads must not keep a finished command waiting.
  process.exit(code);
}

// No await at the top: the executable is compiled from CommonJS.
void runProgram();
