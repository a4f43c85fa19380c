/** A warning for the person at the terminal. */
export function tell(message: string): void {
  process.stderr.write(`orlop-runtime: ${message}\n`);
}
