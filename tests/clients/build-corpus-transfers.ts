import { type BuildCase, old, tree } from './build-case.ts';

/** COPY, ADD and what is ignored. */
export const transfers: readonly BuildCase[] = [
  { name: 'COPY of a file to a name', make: tree, file: 'FROM scratch\nCOPY a /new\n' },
  { name: 'COPY of a file to a directory that is made', make: tree, file: 'FROM scratch\nCOPY a /new/dir/\nCOPY d/f /other/name\n' },
  {
    name: 'COPY of a directory: its content',
    make: tree,
    file: 'FROM scratch\nCOPY d /d\nCOPY d /slash/\nCOPY d/ /from-slash\nCOPY d/. /from-dot\n',
  },
  { name: 'COPY of everything', make: tree, file: 'FROM scratch\nCOPY . /\nCOPY . /all\nCOPY / /root-of-context\nCOPY ./ ./relative\n' },
  { name: 'COPY of several sources', make: tree, file: 'FROM scratch\nCOPY a d/f e /got/\n' },
  {
    name: 'COPY with wildcards',
    make: tree,
    file: 'FROM scratch\nCOPY e/*.txt /w/\nCOPY [a-c] /w/\nCOPY e/t??.txt /w2/\nCOPY d* /w3/\nCOPY */f /w4/\n',
  },
  {
    name: 'COPY of links: one that is named is followed, others are kept',
    make: tree,
    file: 'FROM scratch\nCOPY to-a /l/\nCOPY to-d /l/d\nCOPY d /kept\n',
  },
  {
    name: 'COPY over a link to a directory',
    make: tree,
    file: 'FROM localhost/base\nCOPY a /to-there/\nCOPY d/f /to-there/name\nCOPY d /to-there\n',
  },
  {
    // BuildKit resolves the whole target in the image; Buildah replaces the link.
    name: 'COPY over a link to a file',
    make: tree,
    file: 'FROM localhost/base\nCOPY a /there/to-file\n',
    differs: [
      '- /there/file 100000 644 0:0 87428fc52280 at 981173106',
      '+ /there/file 100000 644 0:0 1ab094ade324',
      '- /there/to-file 120000 777 0:0 -> file',
      '+ /there/to-file 100000 644 0:0 87428fc52280 at 981173106',
    ],
  },
  { name: 'COPY onto what is there', make: tree, file: 'FROM localhost/base\nCOPY a /there/file\nCOPY d /there\nCOPY d/f /there\n' },
  {
    name: 'COPY relative to WORKDIR',
    make: tree,
    file: 'FROM localhost/base\nWORKDIR /work\nCOPY a .\nCOPY a b\nCOPY d ./sub\nWORKDIR deeper\nCOPY a ../up\n',
  },
  {
    name: 'COPY --chown by numbers',
    make: tree,
    file: 'FROM scratch\nCOPY --chown=5 a /five\nCOPY --chown=5:6 d /made/d\nCOPY --chown=0:7 e /e/\n',
  },
  {
    name: 'COPY --chown by names',
    make: tree,
    file: 'FROM localhost/base\nCOPY --chown=guest a /guest\nCOPY --chown=guest:extra d /d\nCOPY --chown=77:extra a /mixed\nCOPY --chown=guest a /there/file\n',
  },
  {
    // Directories that are made for it get the mode as well, since BuildKit 0.20 (fsutil 228).
    name: 'COPY --chmod',
    make: tree,
    file: 'FROM scratch\nCOPY --chmod=4711 a /special\nCOPY --chmod=0750 d /d\nCOPY --chmod=755 --chown=3:4 a /both\n',
    differs: ['- /d 40000 750 0:0', '+ /d 40000 755 0:0'],
  },
  {
    name: 'COPY --parents from the pivot on',
    make: tree,
    file: 'FROM scratch AS from\nCOPY d /top/d\nFROM scratch\nCOPY --parents --from=from --exclude=d/sub/deep /top/./d/sub /x\n',
    files: [
      '/x 40000 755 0:0',
      '/x/d 40000 755 0:0',
      '/x/d/sub 40000 700 0:0 at 981173106',
      '/x/d/sub/g 100000 644 0:0 768c71d785bf at 981173106',
    ],
  },
  {
    name: 'COPY --from a stage without a file',
    make: tree,
    file: 'FROM scratch AS nothing\nFROM scratch\nCOPY --from=nothing / /x\nCOPY a /a\n',
  },
  {
    name: 'special modes are kept',
    make: `touch u g t; mkdir sg st; chmod 4755 u; chmod 2755 g; chmod 1644 t; chmod 2775 sg; chmod 1777 st; ${old}`,
    file: 'FROM scratch\nCOPY . /\nCOPY u g t /again/\n',
    // Docker keeps them, both in what it sends and in what it writes.
    differs: [
      '- /again/g 100000 2755 0:0 e3b0c44298fc at 981173106',
      '+ /again/g 100000 755 0:0 e3b0c44298fc at 981173106',
      '- /again/u 100000 4755 0:0 e3b0c44298fc at 981173106',
      '+ /again/u 100000 755 0:0 e3b0c44298fc at 981173106',
      '- /g 100000 2755 0:0 e3b0c44298fc at 981173106',
      '+ /g 100000 755 0:0 e3b0c44298fc at 981173106',
      '- /sg 40000 2775 0:0 at 981173106',
      '+ /sg 40000 775 0:0 at 981173106',
      '- /u 100000 4755 0:0 e3b0c44298fc at 981173106',
      '+ /u 100000 755 0:0 e3b0c44298fc at 981173106',
    ],
  },
  {
    name: 'hard links in a context',
    make: `echo x > one; ln one two; mkdir d; ln one d/three; ${old}`,
    file: 'FROM scratch\nCOPY . /l/\n',
  },
  {
    name: 'extended attributes of a context',
    make: `echo x > f; setfattr -n user.mine -v value f; mkdir d; setfattr -n user.of-directory -v 1 d; cp /bin/true c; setcap cap_net_raw+ep c; ${old}`,
    file: 'FROM scratch\nCOPY f c /\nCOPY d/. /d\nCOPY . /all\n',
  },
  {
    name: 'owners of a context do not count',
    make: `echo x > f; mkdir d; echo y > d/g; chown 12:13 f d d/g; ${old}`,
    file: 'FROM scratch\nCOPY . /o/\n',
  },
  { name: 'empty directories', make: `mkdir -p e/mpty; ${old}`, file: 'FROM scratch\nCOPY e /e\nCOPY e/mpty /m\n' },
  {
    name: 'names with spaces and other characters',
    make: `echo 1 > 'a b'; echo 2 > 'é'; mkdir 'c d'; echo 3 > 'c d/e f'; ${old}`,
    file: 'FROM scratch\nCOPY ["a b", "é", "/x y/"]\nCOPY ["c d", "/to here"]\n',
  },
  {
    name: 'names with brackets are found when escaped',
    make: `echo 1 > '[x]'; ${old}`,
    file: 'FROM scratch\nCOPY [[]x] /got\n',
    files: ['/got 100000 644 0:0 4355a46b19d3 at 981173106'],
  },
  {
    // Docker's first builder refuses it; BuildKit, too, makes a directory.
    name: 'several sources and a target without a slash',
    make: tree,
    file: 'FROM scratch\nCOPY a d/f /q\n',
  },
  {
    name: 'a pattern that nothing matches',
    make: tree,
    file: 'FROM scratch\nCOPY nothing* a /q/\nCOPY nothing* /r/\n',
    files: ['/q 40000 755 0:0', '/q/a 100000 644 0:0 87428fc52280 at 981173106'],
  },
  { name: 'COPY in JSON', make: tree, file: 'FROM scratch\nCOPY ["a", "d/f", "/json/"]\nCOPY ["d", "/json-d"]\n' },
  {
    name: 'COPY with variables',
    make: tree,
    file: 'FROM scratch\nARG WHAT=a\nENV TO=/to\nCOPY $WHAT ${TO}/\nCOPY ${WHAT:-none} ${NONE:-/default}\n',
  },
  {
    name: 'a .dockerignore',
    make: `${tree}; printf '# comment\\n*.md\\n**/*.md\\nd/sub\\n!d/sub/g\\n/a\\n' > .dockerignore`,
    file: 'FROM scratch\nCOPY . /all/\n',
  },
  {
    name: 'a .dockerignore that leaves one file',
    make: `${tree}; printf '*\\n!e/one.txt\\n' > .dockerignore`,
    file: 'FROM scratch\nCOPY . /all/\n',
  },
  {
    name: 'a .dockerignore with an exception to a directory, and an exception to that',
    make: `${tree}; printf '*\\n!d\\nd/sub/*\\n!d/sub/deep\\n' > .dockerignore`,
    file: 'FROM scratch\nCOPY . /all/\nCOPY d /d\n',
  },
  {
    name: 'a .dockerignore with wildcards and spaces',
    make: `${tree}; printf '  e/t*  \\n\\n./d/f\\n**/deep\\n' > .dockerignore`,
    file: 'FROM scratch\nCOPY . /all/\n',
  },
  {
    name: 'ADD unpacks archives',
    make: `${tree}; tar -C d -cf d.tar .; tar -C d -czf d.tgz .; tar -C d -cJf d.txz .; tar -C d -cjf d.tbz .; ${old}`,
    file: 'FROM scratch\nADD d.tar /tar\nADD d.tgz /gz/\nADD d.txz d.tbz /both/\n',
    // Docker passes over an archive's entry for its own top.
    differs: ['both', 'gz', 'tar'].flatMap((name) => [`- /${name} 40000 755 0:0`, `+ /${name} 40000 755 0:0 at 981173106`]),
  },
  {
    name: 'ADD of what is no archive',
    make: `${tree}; echo no > fake.tar; gzip -k e/one.txt; ${old}`,
    file: 'FROM scratch\nADD fake.tar /x/\nADD e/one.txt.gz /x/\nADD d /d\nADD a /plain\n',
  },
  {
    name: 'ADD keeps the owners of an archive',
    make: `echo x > f; mkdir m; chmod 2771 m; chown 5:6 f m; ln f hard; ln -s f soft; mkfifo pipe; tar -cf x.tar f m hard soft pipe; rm -rf f m hard soft pipe; ${old}`,
    file: 'FROM scratch\nADD x.tar /x/\n',
  },
  {
    name: 'ADD of an archive over what is there',
    make: `mkdir -p there/deep; echo new > there/file; echo n > there/deep/n; tar -cf t.tar there; rm -r there; ${old}`,
    file: 'FROM localhost/base\nADD t.tar /\n',
  },
  { name: 'COPY does not unpack', make: `echo x > f; tar -cf f.tar f; ${old}`, file: 'FROM scratch\nCOPY f.tar /x/\n' },
  {
    name: 'COPY --from a stage keeps owners, times and links',
    file: `FROM localhost/base AS one
RUN mkdir -p /src/sub && echo 1 > /src/a && ln /src/a /src/b && ln -s a /src/l && chown 5:6 /src/a /src/sub && chmod 4755 /src/a && touch -d '2001-02-03 04:05:06' /src/a /src/b /src/sub /src
FROM scratch
COPY --from=one /src /dst
COPY --from=one /src/l /followed
COPY --from=0 /src/a /by/number
COPY --from=one --chown=9:9 /src/a /chowned
`,
  },
  {
    name: 'COPY --from through links of the stage',
    file: `FROM localhost/base AS one
RUN ln -s /there /abs && ln -s ../../there /up && echo x > /there/x
FROM scratch
COPY --from=one /abs/x /1
COPY --from=one /up/x /2
COPY --from=one /abs /3
COPY --from=one /to-there/fil* /4/
`,
  },
];
