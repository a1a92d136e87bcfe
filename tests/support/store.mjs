// The store of a history: a file, or, where FLIXTUBE_STORE is postgresql, a
// database of its own in the run's server (FLIXTUBE_POSTGRES names its folder).

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const STATEMENT_MS_MAX = 60000;

function run(server, sql) {
  execFileSync('psql', [server, '-qX', '-v', 'ON_ERROR_STOP=1', '-c', sql],
    { stdio: ['ignore', 'ignore', 'inherit'], timeout: STATEMENT_MS_MAX });
}

function serverOfRun() {
  const text = fs.readFileSync(
    path.join(process.env.FLIXTUBE_POSTGRES, 'postgres.env'), 'utf8');
  return /^url=(.*)$/m.exec(text)[1];
}

/* { url, close() }: what HISTORY_DB is for it. A file goes with its folder. */
export function openStore(folder) {
  if (process.env.FLIXTUBE_STORE !== 'postgresql')
    return { url: path.join(folder, 'history.db'), async close() {} };
  const server = serverOfRun();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  run(server, `CREATE DATABASE ${name}`);
  return {
    url: server.replace(/[^/]*$/, name),
    async close() {
      run(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}
