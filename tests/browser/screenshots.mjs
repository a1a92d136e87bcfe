// Makes docs/player.png and docs/history.png from the real services:
//   FLIXTUBE_BIN=build/release/bin node tests/browser/screenshots.mjs

import path from 'node:path';

import { openBrowser, openPage } from './browser.mjs';
import { ROOT } from '../support/broker.mjs';
import { pause, ready, viewerOf } from './player.mjs';
import { openServices } from '../support/services.mjs';

const MINUTE_MS = 60000;
const SHOWN_AT_S = 14; // a moment after the view counted
const LOOK = { viewport: { width: 1280, height: 860 }, colorScheme: 'light',
  locale: 'en-GB', reducedMotion: 'reduce' };

const others = ['9c1f7a52-8f0e-4f57-b2a4-6d1c0e9f8a77',
  'e3a9c6d1-55b2-4c1e-8e7d-90ab12cd34ef', 'anna@example.org'];

/* A view of so many minutes ago, by `mine` or another viewer. */
async function addView(services, video, userId, minutes, share, more = {}) {
  const { duration } = video;
  await services.addView({
    userId,
    video: { id: video.id },
    videoPath: `/videos/${video.id}`,
    viewedAt: new Date(Date.now() - minutes * MINUTE_MS).toISOString(),
    duration,
    ...(share === null ? { rule: 'bytes' }
      : { position: Math.round(duration * share * 10) / 10, rule: 'played' }),
    ...more,
  });
}

async function addPast(services, videos, mine) {
  const one = videos[0];
  const two = videos.at(-1);
  const past = [
    [two, mine, 3, 0.92], [one, others[2], 8, 0.41], [two, others[0], 17, 1],
    [one, mine, 26, 0.55], [two, others[1], 44, null], [one, mine, 61, 1],
    [one, others[0], 95, 0.34], [two, others[2], 130, 0.78],
    [two, mine, 1510, 0.67], [one, others[1], 1544, 0.88],
  ];
  for (const [video, userId, minutes, share] of past)
    await addView(services, video, userId, minutes, share);
}

const services = await openServices();
const browser = await openBrowser();
try {
  const { videos } = await services.streaming.getJson('/videos');
  const player = await openPage(browser, LOOK);
  await player.goto(`${services.streaming.url}/#${
    encodeURIComponent(videos[0].id)}`);
  const mine = await viewerOf(player);
  await addPast(services, videos, mine);
  await ready(player);
  await player.$eval('video', (video) => {
    video.muted = true;
    return video.play();
  });
  await player.waitForFunction((at_s) => {
    const video = document.querySelector('video');
    return video.ended || video.currentTime >= at_s;
  }, SHOWN_AT_S);
  await player.waitForSelector('#count.done');
  await pause(player);
  await player.waitForSelector('#views li.fresh', { state: 'detached' });
  await player.screenshot({ path: path.join(ROOT, 'docs/player.png') });

  const history = await openPage(browser, LOOK);
  await history.goto(services.history.url);
  await history.waitForSelector('#rows tr');
  await history.screenshot({ path: path.join(ROOT, 'docs/history.png') });
} finally {
  await browser.close();
  await services.close();
}
