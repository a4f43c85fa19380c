// Talks to a process in a container: its input, its two outputs, its exit code, and files.
import { connect } from 'orlop';

await using engine = connect();
await using container = await engine.run({ image: process.env['IMAGE'] ?? 'busybox', command: ['sleep', '1000'], init: true });

await container.files.write('/tmp/greet.sh', 'while read name; do echo "hello $name"; echo "greeted $name" >&2; done\nexit 7\n', {
  mode: 0o755,
});

await using greeter = await container.spawn(['sh', '/tmp/greet.sh'], { stdin: true });
await greeter.stdin.write('world\n');
await greeter.stdin.write('container\n');
await greeter.stdin.end();

const [stdout, stderr] = await Promise.all([textOf(greeter.stdout), textOf(greeter.stderr)]);
console.log(stdout.trimEnd());
console.log(stderr.trimEnd());
console.log('exit code', await greeter.exit);

const { stdout: listed } = await container.exec(['ls', '/tmp'], { check: true });
console.log(listed.trimEnd(), (await container.files.stat('/tmp/greet.sh')).sizeBytes);

// A signal kills the process, not only the wait for it.
const tooLong = await container.exec(['sleep', '1000'], { signal: AbortSignal.timeout(200) }).catch((error: Error) => error.message);
console.log(tooLong);

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of stream) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}
