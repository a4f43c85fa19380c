import { writeFileSync } from 'node:fs';
import { formatOpsHeader } from '../src/sys/plan/header.ts';

// Run after a change of src/sys/plan/table.ts: node native/generate-ops.ts
writeFileSync(new URL('./bosun/ops.h', import.meta.url), formatOpsHeader());
