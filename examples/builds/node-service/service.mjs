// Answers each request with who runs it. With --check: asks itself, for the health check.
import { createServer } from 'node:http';

const port = Number(process.env.PORT);

if (process.argv.includes('--check')) {
  process.stdout.write(await (await fetch(`http://127.0.0.1:${port}/`)).text());
} else {
  createServer((_, answer) => answer.end(`node says hello from user ${process.getuid()}\n`)).listen(port);
  process.once('SIGTERM', () => process.exit(0));
}
