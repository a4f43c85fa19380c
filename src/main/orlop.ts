import { createIo, main } from '#cli';

/** A reader that has had enough (`orlop logs box | head`) ends the program as SIGPIPE would. */
const brokenPipeCode = 141;

async function runProgram(): Promise<void> {
  const io = createIo(process, (error) => {
    if (error.code === 'EPIPE') process.exit(brokenPipeCode);
    throw error;
  });
  const code = await main(process.argv.slice(2), io);
  await io.flush();
  // Streams that are still open, an attached one or a terminal, must not keep a program that is done.
  process.exit(code);
}

void runProgram();
