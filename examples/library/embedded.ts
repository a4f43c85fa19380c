// An engine of this program's own: no daemon is needed, only root. It goes with the program, and so does all that it made.
import { openEngine } from 'orlop';

await using engine = await openEngine();

// Made of the program that this machine has, so that the example needs no registry; elsewhere an image is pulled when it is first used.
await engine.client.templates.build('busybox');

const { stdout } = await engine.runToEnd({ image: 'busybox', command: ['echo', 'hello from an engine of my own'], check: true });
console.log(stdout.trimEnd());
console.log((await engine.containers.list({ all: true })).length, 'containers left');
