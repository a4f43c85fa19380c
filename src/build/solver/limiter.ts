/** Lets so many works run at a time; the others wait in the order in which they came. */
export function createLimiter(most: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      // Whoever comes next takes over the place.
      if (next === undefined) running--;
      else next();
    }
  };
}
