import type { BuildOverrides, CreateRequest, EngineInfo, Finding, Progress, TemplateView } from '#wire';

type Steps = { progress: (step: Progress) => void; signal: AbortSignal };

/** What Orlop's own routes need of the engine. */
export interface OrlopBackend {
  readonly templates: {
    list(): TemplateView[];
    problems(): string[];
    build(name: string, options: Steps & BuildOverrides & { rebuild?: boolean }): Promise<string[]>;
  };
  launch(source: string, request: Omit<CreateRequest, 'image' | 'kind'>, options: Steps): Promise<{ id: string; name: string }>;
  info(): EngineInfo;
  doctor(): Promise<readonly Finding[]>;
}
