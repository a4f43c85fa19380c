/** A word and what it means: a flag, a command, a key. */
export interface Row {
  readonly term: string;
  readonly about: string;
}

export interface Section {
  readonly title: string;
  readonly paragraphs?: readonly string[];
  readonly rows?: readonly Row[];
  /** Shown as it stands. */
  readonly code?: string;
}

/** One page of the reference, before it is Markdown or a man page. */
export interface Page {
  /** `orlop run` */
  readonly name: string;
  /** Of the manual: 1 for commands, 8 for administration. */
  readonly manual: 1 | 8;
  readonly summary: string;
  /** Lines, with the program's name. */
  readonly synopsis: readonly string[];
  readonly sections: readonly Section[];
  /** Other pages that belong to it. */
  readonly related: readonly Pick<Page, 'name' | 'manual'>[];
}

/** `orlop-run`: of files and of man pages. */
export function slugOf({ name }: Pick<Page, 'name'>): string {
  return name.replaceAll(' ', '-');
}
