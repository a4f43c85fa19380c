import { write, type Io } from '../io.ts';

/** `--json`: one document, or one object of a stream, on a line of its own. */
export async function printJson(io: Pick<Io, 'stdout'>, value: unknown): Promise<void> {
  await write(io.stdout, `${JSON.stringify(value)}\n`);
}
