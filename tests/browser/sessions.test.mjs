// A claim about a page that stays open for longer than a session.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser } from './browser.mjs';
import {
  answersOf, openPlayer, pause, play, playedTo, ready, VIDEO,
  viewerOf,
} from './player.mjs';
import { openServices } from '../support/services.mjs';
import { eventually } from '../support/waiting.mjs';

const SESSION_IDLE_MS = 8000; // reports come every 5 s while it plays
const SILENCE_MS = 61000;     // what the page takes for a long silence

let services;
let browser;
before(async () => {
  services = await openServices({
    settings: { SESSION_IDLE_MS: String(SESSION_IDLE_MS) },
  });
  browser = await openBrowser();
}, { timeout: 120000 });
after(async () => {
  await browser?.close();
  await services?.close();
});

test('what was played before a session ended does not count in the next', {
  timeout: 120000,
}, async () => {
  const page = await openPlayer(browser, services);
  const answers = answersOf(page);
  const userId = await viewerOf(page);
  await page.clock.install();
  await page.reload();
  await ready(page);
  const playTo = async (seconds) => {
    await play(page);
    await playedTo(page, seconds);
    await pause(page);
    return eventually('the pause is told', () =>
      answers.at(-1)?.position >= seconds && answers.at(-1));
  };
  const first = await playTo(6);
  assert.ok(first.played > 5);

  // The idle time itself, since a look at the session would prolong it; for
  // the page's clock it was more.
  await page.clock.fastForward(SILENCE_MS);
  await new Promise((resolve) => {
    setTimeout(resolve, SESSION_IDLE_MS + 500);
  });

  const second = await playTo(13);
  assert.notEqual(second.sessionId, first.sessionId);
  assert.ok(second.played > 5 && second.played < 10, `${second.played}`);
  await services.settle(VIDEO);
  assert.deepEqual(await services.views({ userId }), []);

  await playTo(17.5);
  await eventually('the view is there', async () =>
    (await services.views({ userId })).length === 1);
  await page.context().close();
});
