/*
 * What the release build has instead of libc: this directory. A static libc brings 700 kB of which the kernel maps most around whatever is touched, and a
 * monitor stays in memory for every container; bosun needs some eighty thin functions. Headers, types and constants are still libc's, and the
 * sanitized build uses libc itself.
 */
#include <asm/unistd.h>
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "bare.h"

/* From the linker. */
extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
extern const char __ehdr_start __attribute__((visibility("hidden")));

/* Checked by -mstack-protector-guard=global; random for each process. */
uintptr_t __stack_chk_guard;

_Noreturn void __stack_chk_fail(void);
_Noreturn __attribute__((used)) void bare_start(uintptr_t *stack);
int main(int argc, char **argv, char **env);

_Noreturn void __stack_chk_fail(void) {
  static const char words[] = "bosun: stack smashed\n";
  bare_call(__NR_write, 2, (long)words, sizeof words - 1, 0, 0, 0);
  for (;;) bare_call(__NR_exit_group, 134, 0, 0, 0, 0, 0);
}

/*
 * The program is position independent, so that it lies at a random address: what in it holds addresses is corrected here, and made read-only after.
 * The linker leaves only relative relocations in a program without libraries.
 */
__attribute__((no_stack_protector)) static void relocate(const Elf64_Phdr *headers, size_t count) {
  uintptr_t base = (uintptr_t)&__ehdr_start;
  uintptr_t table = 0;
  size_t size = 0;
  for (const Elf64_Dyn *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++) {
    if (entry->d_tag == DT_RELA) table = base + entry->d_un.d_ptr;
    if (entry->d_tag == DT_RELASZ) size = entry->d_un.d_val;
  }
  for (size_t i = 0; i < size / sizeof(Elf64_Rela); i++) {
    const Elf64_Rela *one = (const Elf64_Rela *)table + i;
    *(uintptr_t *)(base + one->r_offset) = base + (uintptr_t)one->r_addend;
  }
  for (size_t i = 0; i < count; i++) {
    uintptr_t start = base + headers[i].p_vaddr;
    uintptr_t page = start & ~(uintptr_t)0xfff;
    uintptr_t end = (start + headers[i].p_memsz) & ~(uintptr_t)0xfff;
    if (headers[i].p_type == PT_GNU_RELRO && end > page) bare_call(__NR_mprotect, (long)page, (long)(end - page), PROT_READ, 0, 0, 0);
  }
}

/* The stack as the kernel leaves it: argc, argv, NULL, env, NULL, pairs of the auxiliary vector (getauxval(3)). */
__attribute__((no_stack_protector)) _Noreturn void bare_start(uintptr_t *stack) {
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  char **env = argv + argc + 1;
  const Elf64_Phdr *headers = NULL;
  size_t header_count = 0;
  uintptr_t *at = (uintptr_t *)env;
  while (*at != 0) at++;
  for (at++; at[0] != AT_NULL; at += 2) {
    if (at[0] == AT_RANDOM) memcpy(&__stack_chk_guard, (const void *)at[1], sizeof __stack_chk_guard);
    if (at[0] == AT_PHDR) headers = (const Elf64_Phdr *)at[1];
    if (at[0] == AT_PHNUM) header_count = at[1];
  }
  /* A zero byte in it stops an overflow by a text. */
  __stack_chk_guard &= ~(uintptr_t)0xff;
  relocate(headers, header_count);
  int status = main(argc, argv, env);
  for (;;) bare_call(__NR_exit_group, status, 0, 0, 0, 0, 0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call bare_start\n  hlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  bl bare_start\n");
#else
#error "bosun knows x86-64 and arm64"
#endif
