// Builds an image from a directory, tells what happens, and runs it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, isOrlopError } from 'orlop';

await using engine = connect();
const base = process.env['IMAGE'] ?? 'busybox';
const context = await mkdtemp(join(tmpdir(), 'orlop-example-'));

try {
  await writeFile(
    join(context, 'Dockerfile'),
    `FROM ${base}\nARG WHO\nCOPY greeting /\nRUN echo "$(cat /greeting), $WHO" > /said\nCMD ["cat", "/said"]\n`,
  );
  await writeFile(join(context, 'greeting'), 'hello');
  const build = engine.build({ context, names: ['orlop-example:1'], buildArgs: { WHO: 'you' }, network: 'none' });
  for await (const event of build) if (event.type === 'start' && event.number > 0) console.log(event.text.slice(0, 4));
  const { names } = await build.result;
  const { stdout } = await engine.runToEnd({ image: names[0] ?? '', network: 'none' });
  console.log(stdout.trimEnd());

  const failing = engine.build({ dockerfileText: `FROM ${base}\nRUN exit 3\n`, network: 'none' });
  await failing.result.catch((error: unknown) =>
    console.log(isOrlopError(error) ? `exit code ${String(error.details?.['exitCode'])}` : error),
  );
} finally {
  // A build that failed has made no image.
  await engine.images.remove('orlop-example:1', { force: true }).catch(() => undefined);
  await rm(context, { recursive: true });
}
