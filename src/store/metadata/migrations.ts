/**
 * The schema, as the steps that made it: step n brings `user_version` from n to n + 1. Released steps are never edited. Times are
 * nanoseconds since the epoch, digests and chain-ids are text, records are the engine's JSON.
 */
export const migrations: readonly string[] = [
  `CREATE TABLE layers (
     chain_id TEXT PRIMARY KEY,
     parent TEXT REFERENCES layers (chain_id),
     diff_id TEXT NOT NULL,
     size INTEGER NOT NULL,
     created_ns INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX layers_parent ON layers (parent);

   CREATE TABLE images (
     name TEXT PRIMARY KEY,
     manifest TEXT NOT NULL,
     kind TEXT NOT NULL,
     created_ns INTEGER NOT NULL,
     labels TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX images_manifest ON images (manifest);

   CREATE TABLE containers (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     kind TEXT NOT NULL,
     created_ns INTEGER NOT NULL,
     image TEXT,
     chain TEXT REFERENCES layers (chain_id),
     record TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX containers_chain ON containers (chain);

   CREATE TABLE networks (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     record TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE endpoints (
     container_id TEXT NOT NULL,
     network TEXT NOT NULL,
     address TEXT,
     mac TEXT,
     record TEXT NOT NULL,
     PRIMARY KEY (container_id, network)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX endpoints_network ON endpoints (network);

   CREATE TABLE settings (
     key TEXT PRIMARY KEY,
     value TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE leases (
     id TEXT PRIMARY KEY,
     expires_ns INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE lease_resources (
     lease_id TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     PRIMARY KEY (lease_id, kind, key)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE build_steps (
     key TEXT PRIMARY KEY,
     chain TEXT,
     blob TEXT,
     created_ns INTEGER NOT NULL,
     used_ns INTEGER NOT NULL,
     uses INTEGER NOT NULL,
     record TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX build_steps_chain ON build_steps (chain);

   CREATE TABLE builds (
     id TEXT PRIMARY KEY,
     started_ns INTEGER NOT NULL,
     record TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX builds_started ON builds (started_ns);

   CREATE TABLE unsynced_layers (
     chain_id TEXT PRIMARY KEY,
     boot TEXT NOT NULL
   ) STRICT, WITHOUT ROWID`,
  `ALTER TABLE layers ADD COLUMN tree TEXT;

   CREATE TABLE snapshots (
     id TEXT PRIMARY KEY,
     container_id TEXT NOT NULL,
     name TEXT NOT NULL,
     created_ns INTEGER NOT NULL,
     image TEXT,
     chain TEXT REFERENCES layers (chain_id),
     lost INTEGER NOT NULL DEFAULT 0,
     record TEXT NOT NULL,
     UNIQUE (container_id, name)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX snapshots_chain ON snapshots (chain);

   CREATE TABLE turnovers (
     container_id TEXT PRIMARY KEY,
     layer TEXT
   ) STRICT, WITHOUT ROWID`,
];
