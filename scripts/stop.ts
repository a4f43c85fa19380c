import { JobError, stopEngine } from './engine.ts';

try {
  const stopped = await stopEngine();
  process.stdout.write(
    stopped ? 'The engine has stopped; its containers go on, and the next "npm start" finds them.\n' : 'No engine runs.\n',
  );
} catch (error) {
  if (!(error instanceof JobError)) throw error;
  process.stderr.write(`stop: ${error.message}\n`);
  process.exitCode = 1;
}
