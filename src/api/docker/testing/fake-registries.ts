import { OrlopError } from '#errors';
import type { ImageView } from '#wire';
import type { RegistryBackend } from '../registries/backend.ts';
import { fakeImage, familiar } from './fake-views.ts';

/** A registry that has `hello:latest` and lets `jo` with the password `geheim` in; what is pulled goes among `images`. */
export function createFakeRegistries(images: Map<string, ImageView>): RegistryBackend['registries'] {
  const digest = `sha256:${'d'.repeat(64)}`;
  const notThere = (name: string) => new OrlopError('not-found', 'IMAGE_NOT_IN_REGISTRY', `image ${name} is not in the registry docker.io`);
  return {
    async pull(ref, { progress }) {
      const name = familiar(ref);
      if (name !== 'hello:latest') throw notThere(name);
      progress?.({ id: 'abc', status: 'Pull complete' });
      const isNew = !images.has(name);
      images.set(name, fakeImage(name));
      return { name, digest, isNew };
    },
    push: async (ref) => ({ tag: familiar(ref).split(':')[1] ?? 'latest', digest, sizeBytes: 1234 }),
    tags: async () => ['latest'],
    inspect: async (ref) => {
      throw notThere(familiar(ref));
    },
    search: async (_, { term }) => [
      { name: term, description: 'the real one', stars: 100, isOfficial: true },
      { name: `jo/${term}`, description: 'another', stars: 3, isOfficial: false },
    ],
    async login(registry, { username, password }) {
      if (username === 'jo' && password === 'geheim') return { identityToken: null };
      throw new OrlopError('unauthenticated', 'REGISTRY_HTTP_401', `registry ${registry}: access denied`);
    },
  };
}
