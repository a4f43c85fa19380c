import { ErrnoError } from '#errors';

/** An ErrnoError for what Node or the addon threw about a failed system call; anything else comes back as it is. */
export function toErrnoError(error: unknown): unknown {
  if (error instanceof ErrnoError || !(error instanceof Error)) return error;
  const { code, syscall, path, said } = error as NodeJS.ErrnoException & { said?: string };
  if (code === undefined || syscall === undefined) return error;
  const translation = new ErrnoError(path === undefined ? { errno: code, syscall } : { errno: code, syscall, path });
  // What the kernel itself had to say about a refused mount.
  if (said !== undefined) translation.message += ` (${said})`;
  return translation;
}

/** Runs a synchronous system call of Node's and turns its failure into an ErrnoError that names `path`, which Node forgets for descriptors. */
export function withErrno<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error && (error as NodeJS.ErrnoException).path === undefined) (error as NodeJS.ErrnoException).path = path;
    throw toErrnoError(error);
  }
}
