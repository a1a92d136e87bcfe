// The two real programs, from $FLIXTUBE_BIN, with files and ports of their own.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { openBroker, ROOT } from './broker.mjs';
import { openStore } from './store.mjs';
import { eventually } from './waiting.mjs';

const BIN = process.env.FLIXTUBE_BIN ?? path.join(ROOT, 'build/release/bin');
const END_MS_MAX = 20000; // what a container gives a service to end
const SANITIZER_REPORT = new RegExp('ERROR: AddressSanitizer'
  + '|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:'
  + '|Assertion .* failed');

// Below the kernel's range for outgoing connections: none of those can take
// the port while its service is down.
async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    const isFree = await new Promise((resolve) => {
      const probe = net.createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

class Service {
  constructor(name, port, folder, settings) {
    this.url = `http://localhost:${port}`;
    this.name = name;
    this.settings = { PORT: String(port), ...settings };
    this.folder = folder;
    this.log = '';
    this.child = null;
  }

  async start() {
    const { PATH, ASAN_OPTIONS, UBSAN_OPTIONS, TSAN_OPTIONS } = process.env;
    const child = spawn(path.join(BIN, this.name), ['serve'], {
      cwd: this.folder,
      env: { PATH, ASAN_OPTIONS, UBSAN_OPTIONS, TSAN_OPTIONS,
        ...this.settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve(code ?? signal));
      child.once('error', (error) => resolve(error.message));
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => { this.log += text; });
    await eventually(`${this.name} is ready`, async () => {
      if (child.exitCode !== null) return true;
      return (await fetch(`${this.url}/readyz`)).ok;
    });
    if (child.exitCode !== null)
      throw new Error(`${this.name} ended with ${child.exitCode}: ${this.log}`);
  }

  // As an operator does; held to it: in time, with code 0, without a report.
  async stop() {
    const child = this.child;
    if (child === null) return;
    this.child = null;
    child.kill('SIGTERM');
    const cut = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX);
    const code = await this.ended;
    clearTimeout(cut);
    if (code !== 0 || SANITIZER_REPORT.test(this.log))
      throw new Error(`${this.name} ended with ${code}: ${this.log}`);
  }

  async getJson(where) {
    const answer = await fetch(this.url + where);
    if (!answer.ok)
      throw new Error(`${where}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}

function videosIn(folder, more) {
  const videos = path.join(folder, 'videos');
  fs.mkdirSync(videos);
  for (const name of fs.readdirSync(path.join(ROOT, 'videos')))
    if (name.endsWith('.mp4'))
      fs.copyFileSync(path.join(ROOT, 'videos', name), path.join(videos, name));
  for (const [name, bytes] of Object.entries(more))
    fs.writeFileSync(path.join(videos, name), bytes);
  return videos;
}

/*
 * Both services on a vhost of their own, or history alone. `more` are further
 * videos, by name, `settings` further ones of streaming,
 * `historySettings` of history. Ends all with close(),
 * which fails where a service did not end well.
 */
export async function openServices(
  { historyOnly = false, more = {}, settings = {},
    historySettings = {} } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'flixtube-browser-'));
  const broker = await openBroker();
  const store = openStore(folder);
  const [streamingPort, historyPort] = [await freePort(), await freePort()];
  const history = new Service('history', historyPort, folder, {
    RABBIT: broker.url,
    HISTORY_DB: store.url,
    CORS_ORIGINS: `http://localhost:${streamingPort}`,
    ...historySettings,
  });
  const streaming = new Service('streaming', streamingPort, folder, {
    RABBIT: broker.url,
    OUTBOX_DB: path.join(folder, 'outbox.db'),
    VIDEOS: videosIn(folder, more),
    HISTORY_URL: history.url,
    ...settings,
  });
  const services = {
    history,
    streaming,
    broker,
    folder,

    // The views that history has, newest first.
    async views(parameters = {}) {
      const query = new URLSearchParams({ limit: '1000', ...parameters });
      return (await history.getJson(`/history?${query}`)).history;
    },

    async addView(view) {
      const answer = await fetch(`${history.url}/viewed`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(view),
      });
      if (!answer.ok) throw new Error(await answer.text());
    },

    /*
     * Downloads a video as a viewer of its own, and waits until that view is
     * in the history. All that streaming accepted before it goes the same way
     * in order, so it is there as well, and what is not there never comes.
     */
    async settle(videoId) {
      const answer = await fetch(
        `${streaming.url}/video?id=${encodeURIComponent(videoId)}`);
      await answer.arrayBuffer();
      const cookie = answer.headers.get('set-cookie');
      const userId = /viewer=([^;]+)/.exec(cookie)[1];
      await eventually('the view that settles the others is there', async () =>
        (await services.views({ userId })).length === 1);
    },

    async close() {
      const failures = [];
      for (const end of [() => streaming.stop(), () => history.stop(),
        () => store.close(), () => broker.close()])
        await end().catch((error) => failures.push(error));
      fs.rmSync(folder, { recursive: true, force: true });
      if (failures.length > 0) throw failures[0];
    },
  };
  try {
    await history.start();
    if (!historyOnly) await streaming.start();
  } catch (error) {
    await services.close().catch(() => {});
    throw error;
  }
  return services;
}
