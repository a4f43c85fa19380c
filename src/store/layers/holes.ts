/** Zeros in a row that are worth a hole: shorter ones would only make a file fragmented. A power of two. */
export const holeBytes = 64 * 1024;

const zeros = Buffer.alloc(holeBytes);

/** Part of a chunk that has to be written. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/**
 * The parts of a chunk that are not long rows of zeros. What is left out reads as zeros all the same, as a hole: archives write the holes of sparse
 * files out, and layers of databases and disk images are mostly such.
 */
export function dataRuns(chunk: Buffer): readonly Run[] {
  if (chunk.length < holeBytes) return [{ start: 0, end: chunk.length }];
  const runs: { start: number; end: number }[] = [];
  for (let start = 0; start < chunk.length; start += holeBytes) {
    const end = Math.min(start + holeBytes, chunk.length);
    if (end - start === holeBytes && isZero(chunk, start, end)) continue;
    const last = runs.at(-1);
    if (last?.end === start) last.end = end;
    else runs.push({ start, end });
  }
  return runs;
}

function isZero(chunk: Buffer, start: number, end: number): boolean {
  // Most data shows itself at once; only then is it worth the comparison.
  return chunk[start] === 0 && chunk[end - 1] === 0 && chunk.compare(zeros, 0, end - start, start, end) === 0;
}
