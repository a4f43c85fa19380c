import type { BuildOverrides, CreateRequest, EngineInfo, Progress, TemplateView } from './views.ts';

/** JSON of Orlop's own API below `/orlop/v1`: what Docker's lacks. */
export interface PingBody {
  readonly version: string;
  readonly buildId: string;
}

export type InfoBody = EngineInfo;

/** One thing that was looked at on the host. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly text: string;
  /** What to do, mostly a command. */
  readonly advice?: string;
}

export interface DoctorBody {
  readonly findings: readonly Finding[];
}

export interface TemplatesBody {
  readonly templates: readonly TemplateView[];
  /** Recipes that cannot be used, one sentence each. */
  readonly problems: readonly string[];
}

export interface TemplateBuildBody extends BuildOverrides {
  readonly name: string;
  readonly rebuild?: boolean;
}

/** `source` names a template (`debian/trixie`) or an image (`debian:trixie-systemd`). */
export type LaunchBody = Omit<CreateRequest, 'image' | 'kind'> & { readonly source: string };

export interface LaunchResult {
  readonly id: string;
  readonly name: string;
}

export interface TemplateBuildResult {
  readonly images: readonly string[];
}

/** An image that has come in from LXD's side; `name` is null for one without. */
export interface LxdImageResult {
  readonly id: string;
  readonly name: string | null;
}

/** `source` names an image of a remote: `images:debian/12`. */
export interface FetchBody {
  readonly source: string;
}

/** One line of a progress stream; the last is a result or an error (an ErrorBody with its status). */
export type ProgressLine<Result> =
  | { readonly progress: Progress }
  | { readonly result: Result }
  | { readonly error: { readonly status: number; readonly message: string } & Record<string, unknown> };
