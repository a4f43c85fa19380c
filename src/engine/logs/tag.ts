import { OrlopError } from '#errors';

/** What a tag may speak of. */
export interface TagFacts {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  readonly imageName: string;
  /** Entrypoint and arguments. */
  readonly command: readonly string[];
  readonly hostname: string;
}

/** Fields of Docker's template, each as Docker's daemon gives it: short ids are the first twelve characters, of an image with `sha256:`. */
const fields: Readonly<Record<string, (facts: TagFacts) => string>> = {
  ID: ({ id }) => id.slice(0, 12),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageID: ({ imageId }) => imageId.slice(0, 12),
  ImageFullID: ({ imageId }) => imageId,
  ImageName: ({ imageName }) => imageName,
  Command: ({ command }) => command.join(' '),
  Hostname: ({ hostname }) => hostname,
  DaemonName: () => 'orlop',
  ContainerID: ({ id }) => id,
  ContainerName: ({ name }) => `/${name}`,
  ContainerImageID: ({ imageId }) => imageId,
  ContainerImageName: ({ imageName }) => imageName,
};

/** A tag's template as a function. invalid-argument for what is no field: of Go's templates only these are understood. */
export function compileTag(template: string): (facts: TagFacts) => string {
  const names = [...template.matchAll(/\{\{(.*?)\}\}/gs)].map((match) => /^\s*\.(\w+)\s*$/.exec(match[1] ?? '')?.[1] ?? match[0]);
  const wrong = names.find((name) => !Object.hasOwn(fields, name)) ?? /\{\{(?!.*?\}\})/s.exec(template)?.[0];
  if (wrong !== undefined) {
    throw new OrlopError(
      'invalid-argument',
      'ENGINE_BAD_LOG_TAG',
      `the log tag ${JSON.stringify(template)} cannot be filled in: ${wrong} is no field`,
      {
        hint: `fields are ${Object.keys(fields).join(', ')}, as in {{.Name}}`,
      },
    );
  }
  return (facts) => template.replaceAll(/\{\{\s*\.(\w+)\s*\}\}/g, (_, name: string) => fields[name]?.(facts) ?? '');
}
