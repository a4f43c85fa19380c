/** One Dockerfile, built by us and by Buildah, and compared. */
export interface BuildCase {
  readonly name: string;
  /** Makes the context: a shell script that runs in it. */
  readonly make?: string;
  readonly file: string;
  /** For both builders. */
  readonly args?: readonly string[];
  /** Where both differ, and Docker's reference or BuildKit is with us: `- ` lines are ours, `+ ` Buildah's. The case says why. */
  readonly differs?: readonly string[];
  /** Fields of the config in which both differ, as ours has them, for the same reason. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Buildah 1.28 cannot build it: what our image has beside the base's, each as `/path type mode owner …`. */
  readonly files?: readonly string[];
  /** Only the configs: Buildah would run the triggers to show the files. */
  readonly configOnly?: true;
}

export interface RefusedCase extends BuildCase {
  readonly says: RegExp;
  /** Buildah 1.28 is more lenient than Docker. */
  readonly buildahTakesIt?: true;
}

/** What most cases begin with: users, a group, and a variable, beside Busybox. */
export const baseDockerfile = {
  file: `FROM busybox:latest
RUN echo 'guest:x:77:78:guest:/home/guest:/bin/sh' >> /etc/passwd && echo 'guest:x:78:' >> /etc/group && echo 'extra:x:79:guest' >> /etc/group
RUN mkdir -p /home/guest /there/deep && echo there > /there/file && ln -s /there /to-there && ln -s file /there/to-file && ln -s /nowhere /dangling
ENV BASE=base
`,
};

/** Gives all of a context one time. */
export const old = "find . -exec touch -h -d '2001-02-03 04:05:06Z' {} +";
/** Directories, files and links, with modes and times. */
export const tree = `mkdir -p d/sub/deep e; echo f > d/f; echo g > d/sub/g; echo h > d/sub/deep/h; echo 1 > e/one.txt; echo 2 > e/two.txt; echo 3 > e/three.md; echo a > a; ln -s f d/to-f; ln -s d to-d; ln -s a to-a; chmod 640 d/f; chmod 700 d/sub; ${old}`;
