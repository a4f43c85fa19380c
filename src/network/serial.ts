/** Runs asynchronous steps one after the other, in the order in which they came; a failed one does not stop the next. */
export type Serial = <T>(step: () => Promise<T>) => Promise<T>;

export function createSerial(): Serial {
  let last: Promise<unknown> = Promise.resolve();
  return (step) => {
    const next = last.then(step);
    last = next.catch(() => {});
    return next;
  };
}
