import type { Dockerfile, Heredoc, Instruction } from '../model.ts';

/** A Dockerfile's text again from what was parsed: the same instructions on joined lines, without comments. */
export function formatDockerfile({ directives, globalArgs, stages }: Dockerfile): string {
  const { syntax, escape, check } = directives;
  const heads = [
    ...(syntax === undefined ? [] : [`# syntax=${syntax}`]),
    ...(check === undefined ? [] : [`# check=${check}`]),
    `# escape=${escape}`,
  ];
  const instructions = [...globalArgs, ...stages.flatMap(({ from, instructions }) => [from, ...instructions])];
  return [...heads, ...instructions.map((each) => `${each.source}\n${each.kind === 'from' ? '' : formatHeredocs(each)}`)].join('\n');
}

function formatHeredocs(instruction: Instruction): string {
  if (instruction.kind === 'run' && instruction.command.form === 'shell') return instruction.command.heredocs.map(formatHeredoc).join('');
  if (instruction.kind === 'onbuild') return instruction.trigger.replace(/^[^\n]*\n?/, '').concat('\n');
  if (instruction.kind !== 'copy' && instruction.kind !== 'add') return '';
  return instruction.sources.map((source) => (source.kind === 'heredoc' ? formatHeredoc(source) : '')).join('');
}

function formatHeredoc({ content, name }: Pick<Heredoc, 'content' | 'name'>): string {
  return `${content}${name}\n`;
}
