// Claims: what the services do is what their document says, whoever asks what.

import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import fc from 'fast-check';

import { openServices } from '../support/services.mjs';
import { eventually } from '../support/waiting.mjs';
import { mismatches, operationsOf, refusals } from './contract.mjs';
import { send } from './http_client.mjs';
import {
  knownValues, plainRequest, requestsOf, toldValues,
} from './requests.mjs';

const REQUESTS = Number(process.env.CONTRACT_REQUESTS ?? 10000);
const SEED = Number(process.env.CONTRACT_SEED ?? 1);
const SECRET = 'a secret of the tests, 32 bytes at least';
const VIDEO = 'SampleVideo_1280x720_1mb.mp4';

function token(claims) {
  const base64url = (value) => Buffer.from(JSON.stringify(value))
    .toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const signed = `${base64url({ typ: 'JWT', alg: 'HS256' })}.`
    + base64url({ exp, ...claims });
  const signature = createHmac('sha256', SECRET).update(signed)
    .digest('base64url');
  return `Bearer ${signed}.${signature}`;
}

const ADMIN = token({ scope: 'history:admin' });
const AUTHORIZATIONS = [ADMIN, ADMIN, ADMIN, ADMIN, ADMIN, null,
  token({ sub: 'viewer-1' }), token({ scope: 'history:write' }),
  token({ sub: 'viewer-1', exp: 1 }), 'Bearer x', 'Basic eDp5'];

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const seen = new Map(); // by operation: the statuses that were answered

let keys;
let services;
let operations; // of both services, with the service that has each
let known; // values by parameter's name, bodies by operation

const nameOf = ({ method, path: where }) => `${method} ${where}`;

async function ask(request) {
  const { operation: asked } = request;
  const answer = await send(asked.base, request, agent).catch((error) => {
    throw new Error(`${error.message}\n${requestText(request)}`);
  });
  const statuses = seen.get(asked) ?? new Map();
  statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
  seen.set(asked, statuses);
  return answer;
}

async function documentOf(service) {
  const document = await service.getJson('/openapi.json');
  return (await operationsOf(document, service.name))
    .map((one) => ({ ...one, base: service.url }));
}

async function post(where, value) {
  const answer = await send(services.history.url, {
    method: 'POST',
    target: where,
    headers: { 'content-type': 'application/json', authorization: ADMIN },
    body: JSON.stringify(value),
  }, agent);
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

async function getJson(target) {
  const answer = await send(services.history.url, { method: 'GET', target,
    headers: { authorization: ADMIN } }, agent);
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

/* Something of everything: views, a cursor, a removed view, dead letters. */
async function fill(user) {
  const sessionId = randomUUID();
  const views = Array.from({ length: 60 }, (_, n) => ({
    id: randomUUID(),
    userId: `${user}-${n % 3}`,
    video: { id: n % 2 ? VIDEO : `video-${n % 5}.mp4` },
    viewedAt: new Date(Date.now() - n * 3600000).toISOString(),
    position: n,
    duration: 100,
    sessionId,
  }));
  await post('/viewed', views);
  await services.broker.publish('no JSON');
  await services.broker.publish('{"video":3}');
  const dead = await eventually('the bad messages are dead letters',
    async () => {
      const letters = (await getJson('/dead')).letters;
      return letters.length >= 2 && letters;
    });
  const page = await getJson('/history?limit=2');
  known = {
    id: views.slice(0, 20).map(({ id }) => id),
    userId: [`${user}-1`, `${user}-2`, 'nobody'],
    '/video id': [VIDEO],
    videoId: [VIDEO, 'video-2.mp4'],
    sessionId: [sessionId],
    cursor: [new URL(page.next, services.history.url).searchParams
      .get('cursor')],
    'POST /dead/retry': [{ ids: [dead[0].id] }, { all: true }],
    'POST /dead/discard': [{ ids: [dead[1].id] }],
    'POST /viewed': [views[0], views],
  };
}

before(async () => {
  keys = fs.mkdtempSync(path.join(os.tmpdir(), 'flixtube-keys-'));
  fs.writeFileSync(path.join(keys, 'main.hs256'), SECRET);
  services = await openServices({
    historySettings: { AUTH_KEYS: keys, ADMIN_API: 'on' },
  });
  operations = [...await documentOf(services.history),
    ...await documentOf(services.streaming)];
  await fill('user');
}, { timeout: 120000 });

after(async () => {
  agent.destroy();
  await services?.close();
  fs.rmSync(keys, { recursive: true, force: true });
});

async function isAsDocumented(request) {
  const answer = await ask(request);
  assert.deepEqual(mismatches(request.operation, answer), [],
    `${request.method} ${request.target}: ${answer.status}`
    + ` ${JSON.stringify(answer.headers)} ${answer.text.slice(0, 400)}`);
  return answer;
}

/* What destroys what others ask for comes last. */
const inOrder = () => {
  const order = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'];
  const place = (one) => order.indexOf(one.method)
    + (one.path.endsWith('/restore') ? order.length + 1 : 0);
  return [...operations].sort((a, b) => place(a) - place(b));
};

test('every operation, asked as documented, succeeds as documented',
  async () => {
    for (const one of inOrder()) {
      const plain = plainRequest(one, known, { authorization: ADMIN });
      const answer = await isAsDocumented(plain);
      assert.ok(answer.status < 300 && one.responses.includes(
        String(answer.status)),
      `${nameOf(one)}: ${answer.status} ${answer.text}`);
    }
  });

test('every parameter takes the values that its document shows', async () => {
  for (const one of operations) {
    if (one.method === 'DELETE') continue;
    for (const parameter of one.parameters) {
      const values = [...toldValues(parameter),
        ...knownValues(one, parameter, known)];
      for (const value of values.filter(() => parameter.in === 'query')) {
        const plain = plainRequest(one, known,
          { [parameter.name]: value, authorization: ADMIN });
        const answer = await isAsDocumented(plain);
        assert.ok(answer.status < 400,
          `${plain.target}: ${answer.status} ${answer.text}`);
      }
    }
  }
});

const requestText = ({ method, target, headers, body }) =>
  `${method} ${target}\n${JSON.stringify(headers)}\n${body}`;

function check(request, answer) {
  const wrong = mismatches(request.operation, answer);
  if (answer.status >= 500) wrong.push('the service is at fault');
  const refused = refusals(request.operation, request);
  const isTaken = answer.status < 400
    && !answer.text.includes('"result":"refused"'); // one of a batch
  if (refused.length > 0 && isTaken)
    wrong.push(`taken, though ${refused.join('; ')}`);
  if (wrong.length > 0)
    throw new Error(`${wrong.join('; ')}\n${requestText(request)}`
      + `\n→ ${answer.status} ${answer.text.slice(0, 500)}`);
}

test(`${REQUESTS} requests of every kind are answered as documented, none with`
  + ' a fault of the service', { timeout: 500000 }, async (t) => {
  t.diagnostic(`seed ${SEED} (CONTRACT_SEED), ${REQUESTS} (CONTRACT_REQUESTS)`);
  await fill('viewer');
  const requests = fc.oneof(...operations.map((one) => ({
    weight: 1 + one.parameters.length + 4 * Object.keys(one.body).length,
    arbitrary: requestsOf(one, known, AUTHORIZATIONS),
  })));
  await fc.assert(fc.asyncProperty(requests, async (request) => {
    check(request, await ask(request));
  }), { numRuns: REQUESTS, seed: SEED });
  for (const [one, statuses] of seen)
    t.diagnostic(`${nameOf(one)}: ${[...statuses].sort()
      .map(([status, count]) => `${status} ×${count}`).join(', ')}`);
});

test('a body where the document has none is refused in words', async () => {
  for (const one of operations) {
    if (Object.keys(one.body).length > 0) continue;
    const answer = await send(one.base, {
      ...plainRequest(one, known, { authorization: ADMIN }),
      body: '{}',
    }, agent);
    assert.equal(answer.status, 413, nameOf(one));
  }
});

test('a path or a method that the document does not have is refused in words',
  async () => {
    const paths = new Map();
    for (const one of operations) {
      if (one.path === '/history/stream') continue; // is a /history/{id} too
      const where = one.base + one.path;
      paths.set(where, [...paths.get(where) ?? [], one]);
    }
    for (const [, [one, ...others]] of paths) {
      const has = [one, ...others].map(({ method }) => method);
      if (has.includes('GET')) has.push('HEAD');
      const target = one.path.replace('{id}', known.id[0])
        .replace('{name}', 'one');
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])
        if (!has.includes(method)) {
          const answer = await send(one.base, { method, target }, agent);
          assert.equal(answer.status, 405, `${method} ${target}`);
          assert.equal(answer.headers['content-type'],
            'application/problem+json');
          assert.ok(answer.headers.allow.includes(has[0]));
        }
    }
    for (const service of [services.history, services.streaming]) {
      const answer = await send(service.url, { method: 'GET', target: '/none' },
        agent);
      assert.equal(answer.status, 404);
      assert.equal(JSON.parse(answer.text).status, 404);
    }
  });

test('both services are alive after all of it, and keep what they have',
  async () => {
    for (const service of [services.history, services.streaming])
      await service.getJson('/readyz');
    const { history } = await getJson('/history?limit=1000');
    assert.ok(history.length > 0);
  });
