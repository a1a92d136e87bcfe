// The broker of the run (FLIXTUBE_BROKER names its folder), or one of our own;
// each test file gets a vhost in it.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TOOL = path.join(ROOT, 'tools/broker');
const START_MS_MAX = 120000;

function tool(...args) {
  execFileSync(TOOL, args,
    { stdio: ['ignore', 'ignore', 'inherit'], timeout: START_MS_MAX });
}

function addressesIn(folder) {
  const text = fs.readFileSync(path.join(folder, 'broker.env'), 'utf8');
  return Object.fromEntries(text.trim().split('\n').map((line) => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)];
  }));
}

async function manage(management, method, where, body) {
  const answer = await fetch(`${management}/api${where}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}`,
      'content-type': 'application/json',
    },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status}`);
  return answer;
}

/* { url, close() }: the AMQP address of a vhost that is ours until close(). */
export async function openBroker() {
  const shared = process.env.FLIXTUBE_BROKER;
  const folder = shared
    ?? fs.mkdtempSync(path.join(os.tmpdir(), 'flixtube-broker-'));
  if (shared === undefined) tool('start', folder);
  const { amqp, management } = addressesIn(folder);
  const vhost = `test-${randomUUID()}`;
  await manage(management, 'PUT', `/vhosts/${vhost}`, {});
  await manage(management, 'PUT', `/permissions/${vhost}/guest`,
    { configure: '.*', write: '.*', read: '.*' });
  return {
    url: `${amqp}/${vhost}`,

    // A message to the services' exchange, as anybody can send one.
    async publish(text) {
      const answer = await manage(management, 'POST',
        `/exchanges/${vhost}/viewed/publish`, { properties: {},
          routing_key: '', payload: text, payload_encoding: 'string' });
      if (!(await answer.json()).routed) throw new Error('no queue took it');
    },
    async close() {
      if (shared !== undefined) {
        await manage(management, 'DELETE', `/vhosts/${vhost}`);
        return;
      }
      tool('stop', folder, '--now');
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
