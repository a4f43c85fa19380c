// Runs a command in a container of its own, to its end, and removes it.
import { connect } from 'orlop';

await using engine = connect();

const sorted = await engine.runToEnd({
  image: process.env['IMAGE'] ?? 'busybox',
  command: ['sort'],
  input: 'pear\napple\n',
  network: 'none',
  memoryBytes: 64 * 1024 * 1024,
  check: true,
});
console.log(sorted.stdout.trimEnd());

const failed = await engine.runToEnd({
  image: process.env['IMAGE'] ?? 'busybox',
  command: ['sh', '-c', 'echo "no such luck" >&2; exit 3'],
});
console.log(failed.exitCode, failed.stderr.trimEnd());
