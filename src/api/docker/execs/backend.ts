import type { ExecRequest, ExecView } from '#wire';
import type { AttachedStream } from '../containers/backend.ts';

/** What the exec routes need of the engine. */
export interface ExecBackend {
  readonly execs: {
    create(ref: string, request: ExecRequest): string;
    /** null when detached. */
    start(
      id: string,
      options: { detach: boolean; terminal?: boolean; consoleSize?: readonly [number, number] },
    ): Promise<AttachedStream | null>;
    resize(id: string, rows: number, columns: number): Promise<void>;
    inspect(id: string): ExecView;
    /** As `inspect`; fails as a start would that cannot even be tried. */
    check(id: string): ExecView;
  };
}
